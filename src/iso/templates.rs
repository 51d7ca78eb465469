//! The templates that are open: each is opened, checked and searched for its areas once, for all the machines that have it.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::cache::Cache;
use super::error::Error;
use super::make::{self, Recipe};
use super::source::{self, Stamp};
use super::template::Template;
use crate::operation::Operation;

/// Templates that stay open without a machine that uses them: a server has a Sledgehammer or two, and some installers.
const MOST: usize = 32;

/// The open templates. One that was written to or replaced since is opened anew; images that were made of it keep what
/// they have.
#[derive(Debug, Default)]
pub struct Templates {
    cache: Option<Cache>,
    /// Used last comes last.
    places: Mutex<Vec<Arc<Place>>>,
}

/// Where a template is. Whoever comes while it is being opened waits, and opens nothing.
#[derive(Debug)]
struct Place {
    path: PathBuf,
    open: Mutex<Option<(Stamp, Arc<Template>)>>,
}

impl Templates {
    /// None open yet; what has to be unpacked is kept in `cache`, or else as long as it is open.
    #[must_use]
    pub fn new(cache: Option<Cache>) -> Self {
        Self { cache, places: Mutex::default() }
    }

    /// The template that `path` is or holds: [`Template::open`] says what that may be.
    ///
    /// # Errors
    /// As there, and [`Error::CacheFull`].
    pub fn open(&self, path: &Path, operation: &Operation) -> Result<Arc<Template>, Error> {
        let (path, meta) = source::file_at(path)?;
        let stamp = Stamp::of(&meta);
        let place = self.place(path);
        let mut open = lock(&place.open);
        if let Some((_, template)) = open.as_ref().filter(|(opened, _)| *opened == stamp) {
            return Ok(Arc::clone(template));
        }
        // Closed first: what was unpacked of it may have to make room.
        *open = None;
        let opened = match Template::open_with(&place.path, self.cache.as_ref(), operation) {
            Err(Error::CacheFull { .. }) if self.close_idle() => {
                Template::open_with(&place.path, self.cache.as_ref(), operation)
            }
            opened => opened,
        };
        let template = Arc::new(opened?);
        tracing::info!(path = %place.path.display(), size = template.size(), "opened template");
        *open = Some((stamp, Arc::clone(&template)));
        Ok(template)
    }

    /// The template that a recipe makes: made once, and kept in the cache.
    ///
    /// # Errors
    /// What is wrong with the recipe, no cache to keep it in, or as [`Templates::open`].
    pub fn open_made(&self, recipe: &Recipe, operation: &Operation) -> Result<Arc<Template>, Error> {
        let cache = self.cache.as_ref().ok_or(Error::NoCache)?;
        let key = recipe.key()?;
        let path = cache.path(&key);
        match self.open(&path, operation) {
            Err(Error::Read { source, .. }) if source.kind() == io::ErrorKind::NotFound => {}
            opened => return opened,
        }
        let make = |to: &File| make::write_to(recipe, to, &path, operation);
        // Open until the template is: nobody may delete it in between.
        let _kept = match cache.open(&key, make) {
            Err(Error::CacheFull { .. }) if self.close_idle() => cache.open(&key, make)?,
            opened => opened?,
        };
        self.open(&path, operation)
    }

    /// Closes the templates that no image is made of; says whether there were any.
    fn close_idle(&self) -> bool {
        let places = lock(&self.places).clone();
        let mut closed = false;
        for place in places {
            // One that is being opened is no idle one.
            let Ok(mut open) = place.open.try_lock() else { continue };
            closed |= open.take_if(|(_, template)| Arc::strong_count(template) == 1).is_some();
        }
        closed
    }

    /// The place of `path`, as the one that was used last.
    fn place(&self, path: PathBuf) -> Arc<Place> {
        let mut places = lock(&self.places);
        let place = match places.iter().position(|place| place.path == path) {
            Some(at) => places.remove(at),
            None => Arc::new(Place { path, open: Mutex::default() }),
        };
        places.push(Arc::clone(&place));
        if places.len() > MOST {
            places.remove(0);
        }
        place
    }
}

/// What these locks guard is whole after every statement.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
