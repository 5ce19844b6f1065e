//! A curve as a picture.

use jiff::tz::TimeZone;

use super::growth::Curve;
use super::markup::Markup;
use crate::model::Bytes;

/// How wide and how high the picture is, in its own units.
const SIZE: (u64, u64) = (600, 120);
/// What is left above the highest value, so that the line is not cut.
const ABOVE: u64 = 6;

/// Draws a curve, with what it shows and its first and last day.
pub(super) fn chart(page: &mut Markup, (title, curve): (&'static str, &Curve), zone: &TimeZone) {
    let last = Bytes(curve.values.last().copied().unwrap_or(0));
    let first = Bytes(curve.values.first().copied().unwrap_or(0));
    let most = curve.values.iter().copied().max().unwrap_or(0).max(1);
    let day = |at: jiff::Timestamp| {
        at.to_zoned_datetime(zone.clone())
            .strftime("%Y-%m-%d")
            .to_string()
    };
    let (from, to) = (day(curve.from), day(curve.to));
    let line = points(&curve.values, most);
    page.raw("<figure><figcaption>").text(title);
    page.raw("<b>")
        .text(last)
        .raw("</b></figcaption><div class=\"plot\">");
    page.span("most", Bytes(most));
    page.raw(
        "<svg viewBox=\"0 0 600 120\" preserveAspectRatio=\"none\" role=\"img\" aria-label=\"",
    );
    page.text(format!("{title}: {first} on {from}, {last} on {to}"));
    page.raw("\"><polygon points=\"0,120 ").text(&line);
    page.raw(" 600,120\"/><polyline points=\"").text(&line);
    page.raw("\"/></svg></div><div class=\"axis\"><span>")
        .text(from);
    page.raw("</span><span>")
        .text(to)
        .raw("</span></div></figure>");
}

/// Steps from value to value: nothing was in between.
fn points(values: &[u64], most: u64) -> String {
    let last = u64::try_from(values.len().saturating_sub(1))
        .unwrap_or(1)
        .max(1);
    let mut points: Vec<String> = Vec::new();
    let mut before = None;
    for (index, value) in (0_u64..).zip(values) {
        let x = index * SIZE.0 / last;
        let part = u128::from(*value) * u128::from(SIZE.1 - ABOVE) / u128::from(most);
        let y = SIZE.1 - u64::try_from(part).unwrap_or(0);
        if let Some(before) = before.filter(|before| *before != y) {
            points.push(format!("{x},{before}"));
        }
        if before != Some(y) || index == last {
            points.push(format!("{x},{y}"));
        }
        before = Some(y);
    }
    points.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_curve_goes_by_steps_and_fits_the_picture() {
        assert_eq!(points(&[5, 5, 10, 10], 10), "0,63 400,63 400,6 600,6");
        assert_eq!(points(&[0, u64::MAX], u64::MAX), "0,120 600,120 600,6");
        assert_eq!(points(&[1], 1), "0,6");
    }
}
