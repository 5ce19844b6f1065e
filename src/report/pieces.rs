//! What several parts of a page are made of.

use std::time::Duration;

use jiff::Timestamp;

use super::facts::Facts;
use super::markup::Markup;
use crate::model::{Age, Kind, ResourceId};

/// How good something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mood {
    Good,
    Warn,
    Bad,
    Calm,
}

impl Mood {
    pub(super) fn class(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Warn => "warn",
            Self::Bad => "bad",
            Self::Calm => "calm",
        }
    }
}

/// A word in a colour, which repeats what it says.
pub(super) fn badge(page: &mut Markup, mood: Mood, text: &str) {
    page.raw("<span class=\"badge ")
        .raw(mood.class())
        .raw("\">");
    page.text(text).raw("</span>");
}

/// A moment, for people and programs.
pub(super) fn time(page: &mut Markup, at: Timestamp, facts: &Facts) {
    let shown = at.to_zoned_datetime(facts.zone.clone());
    page.raw("<time datetime=\"").text(at).raw("\">");
    page.text(shown.strftime("%Y-%m-%d %H:%M")).raw("</time>");
}

/// How long ago it was.
pub(super) fn ago(page: &mut Markup, at: Timestamp, facts: &Facts) {
    let age = Age::of(at, facts.rule.now);
    page.text(format!("{age} ago"));
}

/// Kind, name, and where it is.
pub(super) fn name(page: &mut Markup, resource: &ResourceId) {
    match resource.name() {
        Some(name) => {
            // A fingerprint is known by its beginning.
            let shown = match resource.kind() {
                Kind::Image => name.as_str().get(..12).unwrap_or(name.as_str()),
                _ => name.as_str(),
            };
            page.text(resource.kind()).raw(" <bdi>").text(shown);
            page.raw("</bdi>");
        }
        None => {
            page.raw("configuration of the server");
        }
    }
    let project = resource.project().filter(|it| it.as_str() != "default");
    if let Some(project) = project {
        page.raw(" <span class=\"where\">in project <bdi>")
            .text(project);
        page.raw("</bdi></span>");
    }
    if let Some(pool) = resource.pool() {
        page.raw(" <span class=\"where\">on pool <bdi>").text(pool);
        page.raw("</bdi></span>");
    }
}

/// A length of time in its two largest units.
pub(super) fn took(time: Duration) -> String {
    let seconds = time.as_secs();
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3600 => format!("{} min {} s", seconds / 60, seconds % 60),
        _ => format!("{} h {} min", seconds / 3600, seconds / 60 % 60),
    }
}
