//! The server's address, as a person types it.

use std::{fmt, net::IpAddr, str::FromStr};

use url::{Host, Url};

use crate::rules::Invalid;

/// Where a server answers: scheme, host and port, no slash at the end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address(Url);

impl Address {
    /// The address as it is sent to.
    pub fn as_str(&self) -> &str {
        self.0.as_str().trim_end_matches('/')
    }

    /// Host and port, as they are told to a person.
    pub fn host(&self) -> String {
        let host = self.0.host_str().unwrap_or_default();
        self.0.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
    }

    /// The shortest text that means this address.
    pub fn typed(&self) -> &str {
        let short = self.as_str().trim_start_matches("http://").trim_start_matches("https://");
        if short.parse() == Ok(self.clone()) { short } else { self.as_str() }
    }

    /// Whether what is sent can be read on the way: without TLS, to another machine.
    pub fn is_readable_on_the_way(&self) -> bool {
        self.0.scheme() == "http" && !is_here(&self.0)
    }
}

fn is_here(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => IpAddr::from(address).is_loopback(),
        Some(Host::Ipv6(address)) => IpAddr::from(address).is_loopback(),
        None => false,
    }
}

impl FromStr for Address {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let wrong = || Invalid("must be an address, such as https://astral.club.example or 127.0.0.1:7878".into());
        let text = text.trim();
        if text.is_empty() {
            return Err(Invalid("must not be empty".into()));
        }
        let with_scheme = if text.contains("://") { text.to_owned() } else { format!("http://{text}") };
        let mut url = Url::parse(&with_scheme).map_err(|_| wrong())?;
        if !text.contains("://") && !is_here(&url) {
            url = Url::parse(&format!("https://{text}")).map_err(|_| wrong())?;
        }
        let plain = matches!(url.scheme(), "http" | "https")
            && url.username().is_empty()
            && url.password().is_none()
            && url.query().is_none()
            && url.fragment().is_none();
        if !plain || url.host_str().is_none_or(str::is_empty) {
            return Err(wrong());
        }
        // People paste what they see in a browser.
        let path = url.path().trim_end_matches('/').to_owned();
        let path = path.strip_suffix("/docs").or_else(|| path.strip_suffix("/api/v1")).unwrap_or(&path).to_owned();
        url.set_path(&path);
        Ok(Self(url))
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_taken_as_people_type_it() {
        for (typed, meant) in [
            ("127.0.0.1:7878", "http://127.0.0.1:7878"),
            (" localhost:7878/ ", "http://localhost:7878"),
            ("[::1]:7878", "http://[::1]:7878"),
            ("astral.club.example", "https://astral.club.example"),
            ("astral.club.example:8443", "https://astral.club.example:8443"),
            ("http://10.0.0.7:7878", "http://10.0.0.7:7878"),
            ("https://club.example/docs", "https://club.example"),
            ("https://club.example/astral/", "https://club.example/astral"),
        ] {
            let address = typed.parse::<Address>().expect(typed);
            assert_eq!(address.as_str(), meant);
            assert_eq!(address.typed().parse(), Ok(address.clone()), "{}", address.typed());
        }
        for wrong in ["", "  ", "ftp://club.example", "https://", "https://ana@club.example", "club example", "a?b"] {
            assert!(wrong.parse::<Address>().is_err(), "{wrong}");
        }
        assert!("http://10.0.0.7:7878".parse::<Address>().expect("an address").is_readable_on_the_way());
        assert!(!"http://127.0.0.1:7878".parse::<Address>().expect("an address").is_readable_on_the_way());
    }
}
