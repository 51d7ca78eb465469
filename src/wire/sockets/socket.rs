//! The socket that the plugin serves: a stale one is replaced, a live one and anything else is left alone, and nobody
//! but its owner can connect.

use std::fs;
use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, fchmod};
use tokio::net::{UnixListener, UnixSocket, UnixStream};

/// Connections that the kernel holds before they are accepted.
const BACKLOG: u32 = 1024;

/// Why the socket cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum SocketError {
    /// Another process answers there.
    #[error("{0} is in use: another plugin process answers on it; stop that one, or give this one a path of its own")]
    Live(PathBuf),
    /// Something else is there.
    #[error("{0} is there and is no socket; it is left alone, give the plugin another path")]
    NoSocket(PathBuf),
    /// The kernel refuses.
    #[error("{doing} the socket {path}: {source}")]
    Io {
        /// What was being done.
        doing: &'static str,
        /// Its path.
        path: PathBuf,
        /// What came back.
        source: io::Error,
    },
}

/// A socket that is served. Dropping it removes its file.
#[derive(Debug)]
pub(super) struct Bound {
    listener: UnixListener,
    path: PathBuf,
    id: (u64, u64),
}

/// Binds `path`.
pub(super) fn bind(path: &Path) -> Result<Bound, SocketError> {
    let failed = |doing| move |source| SocketError::Io { doing, path: path.to_owned(), source };
    remove_stale(path)?;
    let socket = UnixSocket::new_stream().map_err(failed("making"))?;
    // The file gets the mode of the unbound socket (unix_bind in Linux' net/unix/af_unix.c), so that there is no moment
    // in which others could connect; a umask would be the whole process's.
    fchmod(&socket, Mode::RUSR | Mode::WUSR).map_err(|error| failed("setting the mode of")(error.into()))?;
    socket.bind(path).map_err(failed("binding"))?;
    let listener = socket.listen(BACKLOG).map_err(failed("listening on"))?;
    let id = fs::symlink_metadata(path).map(|file| (file.dev(), file.ino())).map_err(failed("looking at"))?;
    Ok(Bound { listener, path: path.to_owned(), id })
}

/// Removes a socket that a plugin left which did not end in order.
fn remove_stale(path: &Path) -> Result<(), SocketError> {
    let failed = |doing| move |source| SocketError::Io { doing, path: path.to_owned(), source };
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(failed("looking at")(error)),
        Ok(file) if !file.file_type().is_socket() => return Err(SocketError::NoSocket(path.to_owned())),
        Ok(_) => {}
    }
    // Non-blocking: a listener with a full backlog must not keep us, and is alive.
    match connect(path) {
        Ok(()) => return Err(SocketError::Live(path.to_owned())),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Err(SocketError::Live(path.to_owned())),
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {}
        Err(error) => return Err(failed("connecting to")(error)),
    }
    tracing::info!(path = %path.display(), "removing a socket that nobody answers on");
    fs::remove_file(path).map_err(failed("removing the stale"))
}

/// Whether somebody listens on `path`.
pub(super) fn connect(path: &Path) -> io::Result<()> {
    use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, connect, socket_with};
    let socket =
        socket_with(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::NONBLOCK | SocketFlags::CLOEXEC, None)?;
    Ok(connect(&socket, &SocketAddrUnix::new(path)?)?)
}

impl Bound {
    /// Waits for the next connection.
    pub(super) async fn accept(&self) -> io::Result<UnixStream> {
        self.listener.accept().await.map(|(stream, _)| stream)
    }
}

impl Drop for Bound {
    /// Removes the file, unless a successor has put its own there. The listener, which is dropped after this, keeps the
    /// number of its own file from being given to another.
    fn drop(&mut self) {
        let is_ours = |file: fs::Metadata| (file.dev(), file.ino()) == self.id;
        if !fs::symlink_metadata(&self.path).is_ok_and(is_ours) {
            return;
        }
        if let Err(error) = fs::remove_file(&self.path) {
            tracing::warn!(path = %self.path.display(), %error, "the socket could not be removed");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use super::{SocketError, bind};

    #[tokio::test]
    async fn a_stale_socket_is_replaced_a_live_one_and_a_file_are_not() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("to");
        drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
        let bound = bind(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(matches!(bind(&path), Err(SocketError::Live(_))));

        fs::remove_file(&path).unwrap();
        let successor = bind(&path).unwrap();
        drop(bound);
        assert!(path.exists(), "the successor's");
        drop(successor);
        assert!(!path.exists());

        fs::write(&path, "precious").unwrap();
        assert!(matches!(bind(&path), Err(SocketError::NoSocket(_))));
        assert_eq!(fs::read_to_string(&path).unwrap(), "precious");
    }
}
