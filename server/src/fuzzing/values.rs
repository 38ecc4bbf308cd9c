//! The values of the model, and what may be set.

use std::{fmt, net::IpAddr, str::FromStr};

use serde::{Serialize, de::DeserializeOwned};
use sha2::{Digest as _, Sha256};

use super::{kind_of, with_checksums};
use crate::{
    config::Options,
    service::{
        ApiKeyId, CROCKFORD, Day, Description, Email, EventId, ExternalId, Head, Id, Invalid, InvitationId, IpRange,
        Label, MemberId, Name, OrganizationId, Reason, RequestId, Search, Secret, Timestamp, UserId, find_secrets,
        next_bits,
    },
};

/// What a text is parsed to, which is written as it is parsed, and refused in a sentence.
fn parsed<T: FromStr<Err = Invalid> + fmt::Display + PartialEq + fmt::Debug>(text: &str) -> Option<T> {
    match text.parse::<T>() {
        Ok(value) => {
            let written = value.to_string();
            assert_eq!(written.parse().as_ref(), Ok(&value), "{written:?} is read as something else");
            Some(value)
        }
        Err(Invalid(message)) => {
            assert!(!message.is_empty() && !message.contains('\n'), "{message:?} is no sentence");
            None
        }
    }
}

/// A value in JSON, which is read again as it was.
fn kept_in_json<T: Serialize + DeserializeOwned + PartialEq + fmt::Debug>(value: &T) {
    let written = serde_json::to_string(value).expect("a value is written");
    assert_eq!(serde_json::from_str::<T>(&written).expect("what is written is read"), *value);
}

/// A secret: what is accepted obeys the grammar, and what does is accepted.
pub fn secret(data: &[u8]) {
    for data in [data, &with_checksums(data)] {
        let Ok(text) = std::str::from_utf8(data) else { continue };
        let secret = Secret::parse(text.to_owned());
        assert_eq!(secret.as_ref().map(Secret::kind), kind_of(data));
        let Some(secret) = secret else { continue };
        assert_eq!(secret.hash().as_bytes()[..], Sha256::digest(data)[..]);
        let (shown, random) = (secret.hint(), &text[secret.kind().prefix().len()..]);
        assert_eq!(shown, format!("{}{}…{}", secret.kind().prefix(), &random[..3], &random[23..26]));
        for place in 0..data.len() {
            let mut changed = data.to_vec();
            changed[place] = if changed[place] == b'0' { b'1' } else { b'0' };
            assert!(String::from_utf8(changed).is_ok_and(|changed| Secret::parse(changed).is_none()), "byte {place}");
        }
    }
}

/// An id of one noun: 26 characters of Crockford's in the order of its bits.
fn id_of<I: Id + FromStr<Err = Invalid> + fmt::Debug + Serialize + DeserializeOwned>(text: &str, data: &[u8]) {
    let by_grammar = text.strip_prefix(I::PREFIX).is_some_and(|rest| {
        rest.len() == 26
            && rest.bytes().all(|character| CROCKFORD.contains(&character))
            && rest.starts_with(|first| first <= '7')
    });
    let id = parsed::<I>(text);
    assert_eq!(id.is_some(), by_grammar);
    if let Some(id) = id {
        assert_eq!(id.to_string(), text, "an id has one spelling");
        assert_eq!(I::from_bytes(&id.to_bytes()), Some(id));
        kept_in_json(&id);
    }
    let mut bits = data.as_chunks::<16>().0.iter().map(|bytes| I::from_bits(u128::from_be_bytes(*bytes)));
    if let (Some(one), Some(other)) = (bits.next(), bits.next()) {
        assert_eq!(one.cmp(&other), one.to_string().cmp(&other.to_string()), "texts sort as ids do");
        assert_eq!(one.to_string().parse().as_ref(), Ok(&one));
    }
}

/// Ids of every noun, and how the writer makes them.
pub fn id(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    id_of::<OrganizationId>(&text, data);
    id_of::<UserId>(&text, data);
    id_of::<MemberId>(&text, data);
    id_of::<ApiKeyId>(&text, data);
    id_of::<InvitationId>(&text, data);
    id_of::<EventId>(&text, data);
    id_of::<RequestId>(&text, data);
    let mut last = 0;
    for bytes in data.as_chunks::<16>().0 {
        // Times of all kinds: near each other, and as the bytes have it.
        let random = u128::from_be_bytes(*bytes);
        let millis = if bytes[0] < 128 { i64::from(bytes[1]) } else { (random >> 80) as i64 };
        let (next, now) = (next_bits(last, Timestamp::from_millis(millis), random), Timestamp::from_millis(millis));
        assert!(next > last, "ids never run backwards");
        assert_eq!((next >> 76 & 0xf, next >> 62 & 0b11), (7, 0b10), "version and variant of RFC 9562");
        assert!(EventId::from_bits(next).made_at() >= now);
        last = next;
    }
}

/// The bits of an address, how many there are, and which family it is of.
fn bits_of(address: IpAddr) -> (u128, u32) {
    match address {
        IpAddr::V4(v4) => (u128::from(v4.to_bits()), 32),
        IpAddr::V6(v6) => (v6.to_bits(), 128),
    }
}

/// A range of addresses, and addresses that lie in it or do not: a line each.
pub fn cidr(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let mut lines = text.lines();
    let text = lines.next().unwrap_or_default();
    let range = parsed::<IpRange>(text);
    let is_address = text.trim().parse::<IpAddr>().is_ok();
    assert_eq!(range.is_some(), is_address || text.trim().parse::<ipnet::IpNet>().is_ok());
    let Some(range) = range else { return };
    kept_in_json(&range);
    let shown = range.to_string();
    let (first, length) = shown.split_once('/').map_or((&shown[..], None), |(first, length)| (first, Some(length)));
    let first: IpAddr = first.parse().expect("a range begins with an address");
    let (begin, width) = bits_of(first);
    let length = length.map_or(width, |length| length.parse().expect("a prefix is a number"));
    let free = width - length;
    assert_eq!(first, first.to_canonical(), "IPv4 is written as IPv4");
    let mask = u128::MAX.checked_shl(free).unwrap_or(0);
    assert_eq!(begin & !mask & (u128::MAX >> (128 - width)), 0, "nothing stands behind the prefix");
    let in_range = |address: IpAddr| {
        let (bits, family) = bits_of(address.to_canonical());
        family == width && (bits ^ begin) & mask == 0
    };
    let address_of = |bits: u128| {
        if width == 32 { IpAddr::from((bits as u32).to_be_bytes()) } else { IpAddr::from(bits.to_be_bytes()) }
    };
    let last = begin | !mask & (u128::MAX >> (128 - width));
    let probes = [begin, last, begin.wrapping_sub(1), last.wrapping_add(1)].map(address_of);
    for address in probes.into_iter().chain(lines.filter_map(|line| line.trim().parse().ok())) {
        assert_eq!(range.contains(address), in_range(address), "{address} in {shown}");
        assert_eq!(IpRange::allow(&[range], address), in_range(address));
        assert!(IpRange::allow(&[], address));
    }
}

/// A text of one kind, within its length, which shows itself as it is.
macro_rules! text_of {
    ($kind:ty, $text:expr, lines: $lines:literal) => {
        let stored = <$kind>::try_from($text.to_owned());
        if let Some(value) = parsed::<$kind>($text) {
            let (least, most) = <$kind>::LENGTH;
            assert_eq!(value.as_str(), $text.trim());
            assert!((least..=most).contains(&value.as_str().chars().count()));
            assert!(!value.as_str().chars().any(|c| c.is_control() && !($lines && "\n\r\t".contains(c))));
            assert_eq!(find_secrets($text.as_bytes()).count(), 0, "a secret would stand where everybody reads it");
            assert_eq!(stored, Ok(value.clone()), "what may be written may be read");
            kept_in_json(&value);
        } else if find_secrets($text.as_bytes()).next().is_none() {
            assert!(stored.is_err(), "the one rule that came later is that of secrets");
        }
    };
}

/// Names and the like, email addresses, and what is searched for.
pub fn text(data: &[u8]) {
    let data = with_checksums(data);
    let Ok(text) = std::str::from_utf8(&data) else { return };
    text_of!(Name, text, lines: false);
    text_of!(Description, text, lines: true);
    text_of!(Reason, text, lines: false);
    text_of!(Label, text, lines: false);
    text_of!(ExternalId, text, lines: false);
    if let Some(email) = parsed::<Email>(text) {
        let (local, domain) = email.as_str().split_once('@').expect("an email has an @");
        assert!(!local.is_empty() && !domain.is_empty() && !domain.contains('@'));
        assert!(email.as_str().chars().count() <= Email::MAX_LENGTH);
        assert!(!email.as_str().chars().any(|c| c.is_whitespace() || c.is_control() || "<>,;\"".contains(c)));
        let capitals: Email = email.as_str().to_ascii_uppercase().parse().expect("capitals are as good");
        assert_eq!(capitals.key(), email.key(), "the same address whatever the case");
        assert_eq!(email.key().to_lowercase(), email.key());
        kept_in_json(&email);
    }
    if let Ok(search) = text.parse::<Search>() {
        assert!(text.chars().count() <= Search::MAX_LENGTH);
        assert_eq!(search.longest(), search.words()[0]);
        assert!(search.words().is_sorted_by_key(|word| std::cmp::Reverse(word.len())));
        assert!(search.words().iter().all(|word| !word.is_empty()));
        let capitals = text.to_ascii_uppercase().parse::<Search>();
        assert_eq!(capitals.as_ref(), Ok(&search), "whatever the case");
    }
}

/// The milliseconds of a `date-time` of RFC 3339, section 5.6, reckoned by hand; `None` if it has another form. Whether
/// there is such a day is not looked at.
fn millis_of(text: &str) -> Option<i64> {
    let shape: String = text.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
    let rest = shape.strip_prefix("0000-00-00")?.strip_prefix(['T', 't', ' '])?.strip_prefix("00:00:00")?;
    let fraction = match rest.strip_prefix('.') {
        Some(fraction) => Some(fraction.len() - fraction.trim_start_matches('0').len()).filter(|digits| *digits > 0)?,
        None => 0,
    };
    let offset = &rest[if fraction > 0 { fraction + 1 } else { 0 }..];
    let number = |from: usize, digits: usize| text.get(from..from + digits)?.parse::<i64>().ok();
    let end = text.len() - offset.len();
    let offset_minutes = match offset {
        "Z" | "z" => 0,
        "+00:00" => number(end + 1, 2)? * 60 + number(end + 4, 2)?,
        "-00:00" => -(number(end + 1, 2)? * 60 + number(end + 4, 2)?),
        _ => return None,
    };
    let millis: i64 = format!("{:0<3}", text.get(20..20 + fraction.min(3)).unwrap_or_default()).parse().ok()?;
    // Days since 1970 in the proleptic Gregorian calendar; the year begins in March, so that leap days end it.
    let (year, month, day) = (number(0, 4)?, number(5, 2)?, number(8, 2)?);
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days =
        365 * year + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400) + (153 * month + 2) / 5 + day
            - 719_469;
    let minutes = (days * 24 + number(11, 2)?) * 60 + number(14, 2)? - offset_minutes;
    Some((minutes * 60 + number(17, 2)?) * 1000 + millis)
}

/// Instants and days.
pub fn time(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Some(time) = parsed::<Timestamp>(text) {
        assert_eq!(Some(time.as_millis()), millis_of(text), "it is another instant, or no date-time of RFC 3339");
        assert_eq!(Some(time.as_millis()), millis_of(&time.to_string()));
        assert!(time.to_string().ends_with('Z') && time.to_string().starts_with(|year| ('1'..='9').contains(&year)));
        kept_in_json(&time);
        assert_eq!(Day::of(time).to_string(), time.to_string()[..10]);
    }
    if let Some(day) = parsed::<Day>(text) {
        assert_eq!(day.to_string(), text, "a day has one spelling");
        assert_eq!(Day::from_bytes(&day.to_bytes()), Some(day));
    }
    let mut numbers = data.as_chunks::<8>().0.iter().map(|bytes| Timestamp::from_millis(i64::from_be_bytes(*bytes)));
    if let (Some(one), Some(other)) = (numbers.next(), numbers.next()) {
        assert_eq!(one.cmp(&other), one.to_bytes().cmp(&other.to_bytes()), "bytes sort as instants do");
        assert_eq!(one.to_string().parse().as_ref(), Ok(&one));
    }
}

/// The head of a chain, as it is kept outside.
pub fn audit_head(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Some(head) = parsed::<Head>(text) {
        let words: Vec<_> = text.split_whitespace().collect();
        let shown = head.to_string();
        let shown: Vec<_> = shown.split(' ').collect();
        assert_eq!((words.len(), words[0], words[2]), (3, shown[0], shown[2]), "a chain and a hash have one spelling");
        kept_in_json(&head);
    }
}

/// A configuration file: it is refused in a sentence, or comes to what it says, within what is safe.
pub fn config(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Ok(options) = toml::from_str::<Options>(text) else { return };
    let from_file = Options::default().resolve(options.clone());
    let from_flags = options.clone().resolve(Options::default());
    let told = |outcome: &Result<_, String>| format!("{outcome:?}");
    assert_eq!(told(&from_file), told(&from_flags), "a file says what flags say");
    assert_eq!(told(&from_flags), told(&options.clone().resolve(options)));
    let config = match from_file {
        Ok(config) => config,
        Err(message) => return assert!(message.contains(' '), "{message:?} is no sentence"),
    };
    let table: toml::Table = toml::from_str(text).expect("options are a table");
    let is = |name: &str| table.get(name).and_then(toml::Value::as_bool).unwrap_or(false);
    let addresses = [Some(config.listen), config.metrics_listen];
    let open = addresses.into_iter().flatten().any(|address| !address.ip().is_loopback());
    assert!(!open || is("insecure_listen"), "nobody asked to be reached from elsewhere");
    let numbers = table.iter().filter_map(|(name, value)| Some((name, value.as_integer()?)));
    for (name, number) in numbers {
        let least = i64::from(!name.starts_with("rate_limit") && name != "disk_reserve_mb");
        assert!((least..=10_000_000).contains(&number), "{name} is {number}");
    }
    for origin in &config.http.cors_origins {
        let host =
            origin.split_once("://").filter(|(scheme, _)| ["http", "https"].contains(scheme)).map(|(_, host)| host);
        let host = host.expect("an origin has a scheme");
        assert!(
            !host.is_empty() && !host.contains(|c: char| "/?#@\\".contains(c) || c.is_whitespace() || c.is_uppercase())
        );
    }
    assert!(config.http.public_url.is_none_or(|url| url.starts_with("http") && !url.ends_with('/')));
}
