//! Programs that speak with a BMC for us. Each call is one child: in a process group of its own, without a shell, with an
//! environment that holds only what it needs, and bounded in time, in output and in number.

use std::env;
use std::ffi::{OsStr, OsString};
use std::io;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use secrecy::{ExposeSecret, SecretString};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::{Child, Command};
use tokio::sync::Semaphore;
use tokio::time::timeout;

/// More than any answer that is read: an iDRAC's whole hardware inventory is some 300 KB.
const LARGEST: u64 = 1024 * 1024;

/// A program and where it comes from.
#[derive(Debug)]
pub(super) struct Program {
    /// Its name, looked up in `PATH`.
    pub(super) name: &'static str,
    /// Another name under which some packages have it.
    pub(super) alias: Option<&'static str>,
    /// Directories beside `PATH` in which its package puts it.
    pub(super) beside: &'static [&'static str],
    /// The packages that bring it, as a part of a sentence.
    pub(super) packages: &'static str,
}

/// One call of a program. Without a `Debug`: an argument may be a password where a program takes it in no other way.
pub(super) struct Call<'a> {
    pub(super) program: &'static Program,
    pub(super) arguments: Vec<String>,
    /// A variable that only this child sees, for a password.
    pub(super) secret: Option<(&'static str, &'a SecretString)>,
}

/// What a program said and how it ended.
#[derive(Debug)]
pub(super) struct Output {
    pub(super) success: bool,
    pub(super) stdout: String,
    pub(super) stderr: String,
}

/// Why a program gave no output that could be read.
#[derive(Debug)]
pub(super) enum Failure {
    /// It is not installed.
    Missing,
    /// As many children as are allowed ran for the whole time.
    NoPlace,
    /// It could not be started, or its output not be read.
    Broken(io::Error),
    /// It did not end in this time and was killed with all that it had started.
    Silent(Duration),
    /// It said more than [`LARGEST`].
    TooLong,
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Broken(error)
    }
}

/// The place where children run: all BMCs of the process share it.
#[derive(Clone, Debug)]
pub(super) struct Programs {
    places: Arc<Semaphore>,
    path: OsString,
}

impl Programs {
    /// Enough for a wave over a rack or two. A child costs some megabytes and, with ipmitool, up to 20 s of waiting.
    const MOST: usize = 64;

    /// Looks programs up in the directories of `path`, which has the form of `PATH`.
    pub(super) fn in_path(path: OsString) -> Self {
        Self { places: Arc::new(Semaphore::new(Self::MOST)), path }
    }

    /// Runs a program to its end. Waits at most `patience` for a place and then at most `limit` for the end. Dropping the
    /// future kills the child and all that it has started.
    pub(super) async fn run(&self, call: &Call<'_>, patience: Duration, limit: Duration) -> Result<Output, Failure> {
        let place = timeout(patience, self.places.acquire()).await;
        // The semaphore is never closed; a closed one would have no place either.
        let Ok(Ok(_place)) = place else { return Err(Failure::NoPlace) };
        timeout(limit, complete(&self.path, call)).await.unwrap_or(Err(Failure::Silent(limit)))
    }
}

impl Default for Programs {
    fn default() -> Self {
        Self::in_path(env::var_os("PATH").unwrap_or_else(|| "/usr/local/bin:/usr/bin:/bin".into()))
    }
}

async fn complete(path: &OsStr, call: &Call<'_>) -> Result<Output, Failure> {
    let mut child = spawn(path, call)?;
    // Declared after the child, so dropped before it: the group is killed while its leader's number cannot be another's.
    let mut group = Group::of(&child);
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let (stdout, stderr) = tokio::try_join!(read(stdout), read(stderr))?;
    let status = child.wait().await?;
    group.0 = None;
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    Ok(Output { success: status.success(), stdout: text(stdout), stderr: text(stderr) })
}

fn spawn(path: &OsStr, call: &Call<'_>) -> Result<Child, Failure> {
    for name in std::iter::once(call.program.name).chain(call.program.alias) {
        match command(name, path, call).spawn() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            spawned => return Ok(spawned?),
        }
    }
    Err(Failure::Missing)
}

fn command(name: &str, path: &OsStr, call: &Call<'_>) -> Command {
    let mut command = Command::new(name);
    command.args(&call.arguments).env_clear().env("PATH", search_path(path, call.program)).env("LC_ALL", "C");
    if let Some(home) = env::var_os("HOME") {
        command.env("HOME", home);
    }
    if let Some((name, secret)) = call.secret {
        command.env(name, secret.expose_secret());
    }
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0).kill_on_drop(true);
    command
}

/// `path`, and the directories where the program's package puts it: a service's `PATH` rarely names `/opt`.
fn search_path(path: &OsStr, program: &Program) -> OsString {
    let beside = program.beside.iter().map(Into::into);
    // Fails only for a directory with a colon in its name, which `split_paths` cannot have given.
    env::join_paths(env::split_paths(path).chain(beside)).unwrap_or_else(|_| path.to_owned())
}

async fn read(pipe: Option<impl AsyncRead + Unpin>) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    let Some(pipe) = pipe else { return Ok(bytes) };
    pipe.take(LARGEST + 1).read_to_end(&mut bytes).await?;
    if bytes.len() as u64 > LARGEST { Err(Failure::TooLong) } else { Ok(bytes) }
}

/// A child's process group, killed when dropped: what the child started must not outlive it.
struct Group(Option<Pid>);

impl Group {
    fn of(child: &Child) -> Self {
        Self(child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw))
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(leader) = self.0.take() {
            // Fails when all of the group have ended, which is what is wanted.
            let _ = kill_process_group(leader, Signal::KILL);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use secrecy::SecretString;
    use tokio::io::AsyncReadExt;

    use super::{Call, Failure, Output, Program, Programs};

    const SHELL: Program = Program { name: "sh", alias: None, beside: &[], packages: "none" };
    const LONG: Duration = Duration::from_mins(1);

    fn call<'a>(script: &str) -> Call<'a> {
        Call { program: &SHELL, arguments: vec!["-c".to_owned(), script.to_owned()], secret: None }
    }

    async fn run(script: &str, limit: Duration) -> Result<Output, Failure> {
        Programs::default().run(&call(script), LONG, limit).await
    }

    #[tokio::test]
    async fn both_outputs_and_the_end_are_told_and_nothing_can_be_read_from_stdin() {
        let output = run("echo out; echo err >&2; cat; exit 3", LONG).await.unwrap();
        assert_eq!((output.success, output.stdout.as_str(), output.stderr.as_str()), (false, "out\n", "err\n"));
    }

    #[tokio::test]
    async fn the_environment_holds_what_is_needed_and_no_more() {
        let secret = SecretString::from("of-this-child");
        let call = Call { secret: Some(("THE_SECRET", &secret)), ..call("env") };
        let output = Programs::default().run(&call, LONG, LONG).await.unwrap();
        let mut names: Vec<&str> = output.stdout.lines().filter_map(|line| Some(line.split_once('=')?.0)).collect();
        // What sh sets by itself.
        names.retain(|name| !matches!(*name, "PWD" | "OLDPWD" | "SHLVL" | "_"));
        names.sort_unstable();
        assert_eq!(names, ["HOME", "LC_ALL", "PATH", "THE_SECRET"]);
        assert!(output.stdout.contains("THE_SECRET=of-this-child\n"));
    }

    #[tokio::test]
    async fn a_flood_is_cut_off() {
        assert!(matches!(run("yes >&2", LONG).await, Err(Failure::TooLong)));
    }

    #[tokio::test]
    async fn a_missing_program_is_told_apart_from_one_that_fails() {
        const NONE: Program = Program { name: "no-such-program-anywhere", alias: None, beside: &[], packages: "none" };
        let call = Call { program: &NONE, ..call("") };
        assert!(matches!(Programs::default().run(&call, LONG, LONG).await, Err(Failure::Missing)));
    }

    #[tokio::test]
    async fn a_program_beside_the_path_is_found_under_its_other_name_too() {
        let directory = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink("/bin/sh", directory.path().join("virtual-media-sh")).unwrap();
        let place: &'static str = Box::leak(directory.path().to_str().unwrap().into());
        let program = Box::leak(Box::new(Program {
            name: "virtual-media-no-sh",
            alias: Some("virtual-media-sh"),
            beside: Box::leak(Box::new([place])),
            packages: "none",
        }));
        let call = Call { program, ..call("echo found") };
        assert_eq!(Programs::default().run(&call, LONG, LONG).await.unwrap().stdout, "found\n");
    }

    #[tokio::test]
    async fn a_child_that_does_not_end_is_given_up() {
        assert!(matches!(run("sleep 600", Duration::from_millis(50)).await, Err(Failure::Silent(_))));
    }

    #[tokio::test]
    async fn a_child_that_is_given_up_takes_its_children_with_it() {
        let directory = tempfile::tempdir().unwrap();
        let pipe = directory.path().join("pipe");
        rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
        // Two processes that hold the pipe open as long as they live.
        let script = format!("exec 9>'{}'; sleep 600 & echo begun >&9; sleep 600", pipe.display());
        let running = tokio::spawn(async move { run(&script, LONG).await });
        let mut reader = tokio::fs::File::open(&pipe).await.unwrap();
        let mut begun = [0; 6];
        reader.read_exact(&mut begun).await.unwrap();
        running.abort();
        let ended = tokio::time::timeout(LONG, reader.read(&mut begun)).await;
        assert_eq!(ended.unwrap().unwrap(), 0, "the end of the pipe: nobody holds it");
    }

    #[tokio::test]
    async fn children_beyond_the_most_wait_for_a_place() {
        let programs = Programs::default();
        let taken = programs.places.acquire_many(u32::try_from(Programs::MOST).unwrap()).await.unwrap();
        let refused = programs.run(&call("echo"), Duration::from_millis(20), LONG).await;
        assert!(matches!(refused, Err(Failure::NoPlace)));
        drop(taken);
        assert!(programs.run(&call("echo"), LONG, LONG).await.unwrap().success);
    }
}
