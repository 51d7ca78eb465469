//! A server with one image, and that image's bytes as a file would have them.

use std::net::{Ipv4Addr, SocketAddr};
use std::ops::Range;
use std::sync::{Arc, Mutex};

use drp_virtual_media::iso::volume::ReadAt;
use drp_virtual_media::iso::{Image, Template};
use drp_virtual_media::machine::{KernelArgs, MachineUuid};
use drp_virtual_media::operation::Operation;
use drp_virtual_media::serve::{Config, Images, Limits, Listen, Mount, Server, Tls, Token, Watch};
use drp_virtual_media_sim::template::{self, Family};
use tempfile::TempDir;

use crate::client::Client;

pub(crate) const BOOTENV: &str = "sledge hammer";

/// The initrd of the image that most tests read: a whole image is more than one turn of the server.
pub(crate) const SMALL: usize = 3 << 20;

/// More than the buffers of both ends of a connection hold, so that a reader which stops is waited for.
pub(crate) const LARGE: usize = 48 << 20;

pub(crate) struct Site {
    pub(crate) server: Option<Server>,
    pub(crate) images: Images,
    pub(crate) image: Arc<Image>,
    pub(crate) bytes: Vec<u8>,
    pub(crate) token: Token,
    pub(crate) read: Arc<Read>,
    pub(crate) directory: TempDir,
}

/// What was read, as the server told it.
#[derive(Default)]
pub(crate) struct Read(pub(crate) Mutex<Vec<Range<u64>>>);

impl Watch for Read {
    fn read(&self, sent: Range<u64>) {
        self.0.lock().unwrap().push(sent);
    }

    fn told(&self) -> String {
        format!("{{\"Reads\":{}}}", self.0.lock().unwrap().len())
    }
}

impl Read {
    /// The bytes that were told, in order, where each follows the one before.
    pub(crate) fn joined(&self) -> Vec<Range<u64>> {
        let mut joined: Vec<Range<u64>> = Vec::new();
        for range in self.0.lock().unwrap().iter() {
            match joined.last_mut() {
                Some(last) if last.end == range.start => last.end = range.end,
                _ => joined.push(range.clone()),
            }
        }
        joined
    }
}

pub(crate) fn machine() -> MachineUuid {
    MachineUuid::parse("9f0c2a4e-1111-4222-8333-444455556666").unwrap()
}

pub(crate) fn listen() -> Listen {
    Listen { address: SocketAddr::new(Ipv4Addr::LOCALHOST.into(), 0), param: "virtual-media/some-port" }
}

impl Site {
    pub(crate) fn start() -> Self {
        Self::with(SMALL, Limits::default())
    }

    /// Serves by HTTP an image with an initrd of this size.
    pub(crate) fn with(initrd: usize, limits: Limits) -> Self {
        let mut site = Self::make(initrd);
        site.serve(Config { http: Some(listen()), https: None, limits });
        site
    }

    /// Serves by HTTP and HTTPS.
    pub(crate) fn with_tls() -> Self {
        Self::with_tls_and(Limits::default())
    }

    /// Serves by HTTP and HTTPS.
    pub(crate) fn with_tls_and(limits: Limits) -> Self {
        let mut site = Self::make(SMALL);
        let tls = Tls::kept(site.directory.path(), &["127.0.0.1".to_owned(), "localhost".to_owned()]).unwrap();
        site.serve(Config { http: Some(listen()), https: Some((listen(), tls)), limits });
        site
    }

    fn make(initrd: usize) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("cdboot.iso");
        template::write_with(&path, Family::Grub, initrd).unwrap();
        let operation = Operation::unwatched();
        let template = Arc::new(Template::open(&path, &operation).unwrap());
        let args = KernelArgs::parse("BOOTIF=discovery rs.uuid=1 console=ttyS0").unwrap();
        let image = Arc::new(Image::render(template, &args, &operation).unwrap());
        let mut bytes = vec![0; usize::try_from(image.size()).unwrap()];
        image.read_exact_at(&mut bytes, 0).unwrap();
        let site = Self {
            server: None,
            images: Images::new(),
            image,
            bytes,
            token: Token::random(),
            read: Arc::default(),
            directory,
        };
        site.images.insert(site.token.clone(), site.mount());
        site
    }

    pub(crate) fn serve(&mut self, config: Config) {
        self.server = Some(Server::start(config, self.images.clone()).unwrap());
    }

    pub(crate) fn mount(&self) -> Mount {
        Mount {
            image: Arc::clone(&self.image),
            machine: machine(),
            bootenv: BOOTENV.to_owned(),
            clients: None,
            expires: None,
            watch: Some(Arc::clone(&self.read) as Arc<dyn Watch>),
        }
    }

    pub(crate) fn http(&self) -> SocketAddr {
        self.server.as_ref().unwrap().addresses().http.unwrap()
    }

    pub(crate) fn https(&self) -> SocketAddr {
        self.server.as_ref().unwrap().addresses().https.unwrap()
    }

    pub(crate) fn path(&self) -> String {
        Images::path(machine(), BOOTENV, &self.token)
    }

    pub(crate) fn client(&self) -> Client {
        Client::connect(self.http())
    }

    pub(crate) fn etag(&self) -> String {
        format!("\"{}\"", self.image.digest())
    }

    /// Where the machine's own bytes begin and end.
    pub(crate) fn borders(&self) -> Vec<u64> {
        let patches = self.image.plan().patches().iter();
        patches.flat_map(|patch| [patch.offset, patch.offset + patch.bytes.len() as u64]).collect()
    }
}
