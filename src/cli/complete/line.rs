//! A command line that is not finished (pure).

/// Takes a line apart as a shell does, as far as the cursor; the last word is the one at it.
pub(super) fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    let mut begun = false;
    let mut quote: Option<char> = None;
    let mut letters = line.chars();
    while let Some(letter) = letters.next() {
        match (quote, letter) {
            (Some(open), letter) if letter == open => quote = None,
            (Some('\''), letter) => word.push(letter),
            (Some(_) | None, '\\') => word.extend(letters.next()),
            (None, '\'' | '"') => quote = Some(letter),
            (None, letter) if letter.is_whitespace() => {
                if begun {
                    words.push(std::mem::take(&mut word));
                }
                begun = false;
                continue;
            }
            (_, letter) => word.push(letter),
        }
        begun = true;
    }
    words.push(word);
    words
}

/// What bash replaces of a word: what stands behind its last colon or equals sign.
pub(super) fn replaced(word: &str) -> &str {
    let at = word.rfind([':', '=']).map_or(0, |at| at + 1);
    &word[..at]
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("", &[""])]
    #[case("a", &["a"])]
    #[case("a ", &["a", ""])]
    #[case("a  b  prod:we", &["a", "b", "prod:we"])]
    #[case("a 'b c' \"d e", &["a", "b c", "d e"])]
    #[case(r"a b\ c '' x", &["a", "b c", "", "x"])]
    #[case("a --project=sh", &["a", "--project=sh"])]
    fn a_line_is_taken_apart_as_a_shell_does(#[case] line: &str, #[case] expected: &[&str]) {
        assert_eq!(words(line), expected);
    }

    #[rstest]
    #[case("prod:we", "prod:")]
    #[case("--project=a", "--project=")]
    #[case("web", "")]
    #[case("dir:/a=b:c", "dir:/a=b:")]
    fn bash_replaces_what_stands_behind_the_last_break(#[case] word: &str, #[case] kept: &str) {
        assert_eq!(replaced(word), kept);
    }
}
