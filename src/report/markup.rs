//! A page in the making, into which nothing but constants gets unescaped.

use std::fmt::Display;

/// A page in the making.
#[derive(Debug, Default)]
pub(super) struct Markup(String);

impl Markup {
    /// Adds markup, which no name and no message can be.
    pub(super) fn raw(&mut self, markup: &'static str) -> &mut Self {
        self.0.push_str(markup);
        self
    }

    /// Adds a text, be it between tags or in the quotes of an attribute.
    pub(super) fn text(&mut self, text: impl Display) -> &mut Self {
        for c in text.to_string().chars() {
            match c {
                '&' => self.0.push_str("&amp;"),
                '<' => self.0.push_str("&lt;"),
                '>' => self.0.push_str("&gt;"),
                '"' => self.0.push_str("&quot;"),
                '\'' => self.0.push_str("&#39;"),
                '\n' | '\t' => self.0.push(' '),
                c if deceives(c) => self.0.push('\u{fffd}'),
                c => self.0.push(c),
            }
        }
        self
    }

    /// Adds a text in an element of this class.
    pub(super) fn span(&mut self, class: &'static str, text: impl Display) -> &mut Self {
        self.raw("<span class=\"")
            .raw(class)
            .raw("\">")
            .text(text)
            .raw("</span>")
    }

    /// The page.
    pub(super) fn into_string(self) -> String {
        self.0
    }
}

/// What cannot be shown, or changes the order of what is.
fn deceives(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{200e}' | '\u{200f}' | '\u{061c}'
            | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_no_markup() {
        let mut markup = Markup::default();
        markup.raw("<p title=\"").text("\"' onload=x");
        markup
            .raw("\">")
            .text("<script>&\u{202e}\u{7}a\nb")
            .raw("</p>");
        assert_eq!(
            markup.into_string(),
            "<p title=\"&quot;&#39; onload=x\">&lt;script&gt;&amp;\u{fffd}\u{fffd}a b</p>"
        );
    }
}
