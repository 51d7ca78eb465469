//! An image's URL, taken apart for BMCs that want its parts.

use percent_encoding::percent_decode_str;
use url::Url;

/// The user name and password in the URL, decoded; none where there is no user name.
pub(crate) fn credentials(image: &Url) -> Option<(String, String)> {
    let decoded = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
    let user = Some(image.username()).filter(|user| !user.is_empty())?;
    Some((decoded(user), decoded(image.password().unwrap_or_default())))
}

/// The URL without its user name and password.
pub(crate) fn without_credentials(image: &Url) -> Url {
    let mut image = image.clone();
    // Both fail only where there is no host, and then there are none.
    let _ = image.set_username("");
    let _ = image.set_password(None);
    image
}

/// Host, and port where one is given.
pub(crate) fn host(image: &Url) -> String {
    let host = image.host_str().unwrap_or_default();
    image.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}

/// The path as a file system knows it, with its leading slash.
pub(crate) fn file_path(image: &Url) -> String {
    percent_decode_str(image.path()).decode_utf8_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use url::Url;

    use super::{credentials, file_path, host, without_credentials};

    #[test]
    fn a_url_is_taken_apart_into_what_it_means() {
        let image = Url::parse("cifs://reader:p%40ss@[2001:db8::1]:445/my%20share/x.iso").unwrap();
        assert_eq!(credentials(&image), Some(("reader".to_owned(), "p@ss".to_owned())));
        assert_eq!(host(&image), "[2001:db8::1]:445");
        assert_eq!(file_path(&image), "/my share/x.iso");
        assert_eq!(without_credentials(&image).as_str(), "cifs://[2001:db8::1]:445/my%20share/x.iso");
    }

    #[test]
    fn a_url_without_a_user_has_no_credentials() {
        let image = Url::parse("http://10.0.0.5/x.iso").unwrap();
        assert_eq!(credentials(&image), None);
        assert_eq!(host(&image), "10.0.0.5");
    }
}
