//! A process whose last file is taken: readers that come wait, those that are there go on, and nothing spins or ends.

use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::FileExt;
use std::process::Command;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use drp_virtual_media::serve::Limits;

use crate::client::PATIENCE;
use crate::site::Site;

/// Set in the process that has few files.
const FEW: &str = "VIRTUAL_MEDIA_TEST_FEW_FILES";

/// How long a reader that cannot be taken is left waiting: ten tries of the server or so.
const WAIT: Duration = Duration::from_secs(1);

/// Runs a test of this file again, in a process that may have 128 files open: the limit and the log are a process's. Says whether this is
/// that process.
fn has_few_files(name: &str) -> bool {
    if std::env::var_os(FEW).is_some() {
        return true;
    }
    let output = Command::new("sh")
        .args(["-c", "ulimit -n 128; exec \"$0\" --exact \"$1\""])
        .arg(std::env::current_exe().unwrap())
        .arg(format!("files::{name}"))
        .env(FEW, "1")
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && told.contains("1 passed"), "{told}{}", String::from_utf8_lossy(&output.stderr));
    false
}

/// Takes every file that the process may still open.
fn take_all_files() -> Vec<File> {
    let taken: Vec<File> = std::iter::from_fn(|| File::open("/dev/null").ok()).take(200).collect();
    assert!(taken.len() < 200, "there is no limit");
    taken
}

/// The errors that the server logs, a line each.
fn errors() -> Receiver<String> {
    struct Lines(Sender<String>);
    impl Write for Lines {
        fn write(&mut self, line: &[u8]) -> std::io::Result<usize> {
            // Nobody asks any more.
            let _ = self.0.send(String::from_utf8_lossy(line).into_owned());
            Ok(line.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let (sender, errors) = channel();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::ERROR)
        .with_ansi(false)
        .with_writer(move || Lines(sender.clone()))
        .finish();
    tracing::subscriber::set_global_default(subscriber).unwrap();
    errors
}

/// The time that the process has worked for, from a file that is open already.
struct Worked(File);

impl Worked {
    fn open() -> Self {
        Self(File::open("/proc/self/stat").unwrap())
    }

    /// In hundredths of a second, by all threads, for the kernel too (`proc_pid_stat(5)`).
    fn now(&self) -> u64 {
        let mut text = [0; 1024];
        let len = self.0.read_at(&mut text, 0).unwrap();
        let text = str::from_utf8(&text[..len]).unwrap();
        // The second field is the program's name, in parentheses, which may have blanks.
        let fields = text.rsplit_once(") ").unwrap().1.split(' ');
        fields.skip(11).take(2).map(|ticks| ticks.parse::<u64>().unwrap()).sum()
    }
}

#[test]
fn readers_that_come_when_no_file_is_left_are_taken_when_there_is_one_again() {
    if !has_few_files("readers_that_come_when_no_file_is_left_are_taken_when_there_is_one_again") {
        return;
    }
    let (errors, worked) = (errors(), Worked::open());
    let site = Site::with(0, Limits::default());
    let path = site.path();
    // Nobody leaves: a file that is given back late would be the one that is missing.
    let mut there = site.client();
    let mut stay = Vec::new();
    assert_eq!(there.get(&path, "Range: bytes=0-0\r\n").status, 206);
    for time in ["first", "second"] {
        let mut taken = take_all_files();
        // The client's own end; the server's end has none.
        taken.pop();
        let mut waiting = site.client();
        waiting.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        let told = errors.recv_timeout(PATIENCE).unwrap();
        assert!(told.contains("taking a reader's connection failed; trying again"), "the {time} time: {told}");
        assert!(told.contains("os error 24"), "the {time} time: {told}");
        let (began, before) = (Instant::now(), worked.now());
        waiting.stream.set_read_timeout(Some(WAIT)).unwrap();
        let nothing = waiting.stream.read(&mut [0]).unwrap_err();
        assert_eq!(nothing.kind(), ErrorKind::WouldBlock, "the {time} time: {nothing}");
        let work = Duration::from_millis(10 * (worked.now() - before));
        let took = began.elapsed();
        assert!(work * 10 < took, "the {time} time: it worked for {work:?} of {took:?}");
        assert_eq!(there.get(&path, "Range: bytes=0-0\r\n").status, 206, "the {time} time");
        drop(taken);
        waiting.stream.set_read_timeout(Some(PATIENCE)).unwrap();
        assert_eq!(waiting.answer().status, 404, "the {time} time");
        let mut next = site.client();
        assert_eq!(next.get(&path, "Range: bytes=0-0\r\n").status, 206, "the {time} time");
        stay.extend([waiting, next]);
        assert_eq!(errors.try_recv().ok(), None, "the {time} time: it is told once");
    }
}
