//! Names as components of a path: percent-encoded, so that no name can leave its folder.

/// A path component that no name could have been encoded to.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not an encoded name")]
pub struct InvalidComponent(pub String);

/// Writes a name as one path component.
///
/// A name of `[A-Za-z0-9._-]+` that does not start with a dot stands for itself; in any other each
/// byte outside that set, and a leading dot, becomes `%XX`. The empty name becomes `%`.
pub fn encode_component(name: &str) -> String {
    if name.is_empty() {
        return "%".to_owned();
    }
    let mut out = String::with_capacity(name.len());
    for (at, byte) in name.bytes().enumerate() {
        let plain = byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
        if plain && !(at == 0 && byte == b'.') {
            out.push(char::from(byte));
        } else {
            out.push('%');
            out.push(char::from(HEX[usize::from(byte >> 4)]));
            out.push(char::from(HEX[usize::from(byte & 15)]));
        }
    }
    out
}

const HEX: &[u8; 16] = b"0123456789ABCDEF";

/// Reads a name back from a path component.
///
/// Accepts only what [`encode_component`] writes, so that each name has one place.
pub fn decode_component(component: &str) -> Result<String, InvalidComponent> {
    let invalid = || InvalidComponent(component.to_owned());
    if component == "%" {
        return Ok(String::new());
    }
    let mut bytes = Vec::with_capacity(component.len());
    let mut rest = component.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let (Some(high), Some(low)) = (rest.next(), rest.next()) else {
                return Err(invalid());
            };
            let digit = |c: u8| {
                HEX.iter()
                    .position(|h| *h == c)
                    .and_then(|p| u8::try_from(p).ok())
            };
            let (Some(high), Some(low)) = (digit(high), digit(low)) else {
                return Err(invalid());
            };
            bytes.push(high << 4 | low);
        } else {
            bytes.push(byte);
        }
    }
    let name = String::from_utf8(bytes).map_err(|_| invalid())?;
    if encode_component(&name) == component {
        Ok(name)
    } else {
        Err(invalid())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("web-1.example_x", "web-1.example_x")]
    #[case("..", "%2E.")]
    #[case(".hidden", "%2Ehidden")]
    #[case("a/b c", "a%2Fb%20c")]
    #[case("é", "%C3%A9")]
    #[case("100%", "100%25")]
    fn a_name_is_encoded_as_one_component(#[case] name: &str, #[case] component: &str) {
        assert_eq!(encode_component(name), component);
    }

    #[rstest]
    #[case("..")]
    #[case("%2f")]
    #[case("%41")]
    #[case("%4")]
    #[case("a b")]
    #[case("")]
    #[case("%FF")]
    fn what_no_name_encodes_to_is_refused(#[case] component: &str) {
        if component.is_empty() {
            assert!(decode_component(component).is_err());
        } else {
            assert_eq!(
                decode_component(component),
                Err(InvalidComponent(component.to_owned()))
            );
        }
    }

    proptest! {
        #[test]
        fn every_name_comes_back_and_stays_in_its_folder(name in ".*") {
            let component = encode_component(&name);
            prop_assert!(!component.contains('/') && !component.starts_with('.'));
            prop_assert_eq!(decode_component(&component), Ok(name));
        }
    }
}
