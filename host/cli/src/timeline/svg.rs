//! A timeline as a picture.

use super::{Timeline, class, float};
use crate::guest_text;
use crate::svg::{CHAR_WIDTH, escaped, fitted, picture};

/// The height of a row, in pixels.
const ROW_HEIGHT: u64 = 20;

/// The height of a bar, in pixels.
const BAR_HEIGHT: u64 = 12;

/// The width for labels, in pixels.
const LABEL_WIDTH: u64 = 260;

/// The width for bars, in pixels.
const BARS_WIDTH: u64 = 720;

/// The width for the time and the status of a row, in pixels.
const NOTE_WIDTH: u64 = 180;

/// The space at the borders, in pixels.
const PADDING: u64 = 12;

/// The height of the title and the summary, in pixels.
const HEAD_HEIGHT: u64 = 48;

/// Returns the picture.
pub(super) fn drawn(timeline: &Timeline) -> String {
    let left = PADDING + LABEL_WIDTH;
    let x = |time: u64| float(left) + timeline.scale.at(time) * float(BARS_WIDTH);
    let n_rows = timeline.rows.len() as u64;
    let height = HEAD_HEIGHT + n_rows * ROW_HEIGHT + PADDING;
    let mut content = format!(
        "<text x=\"{PADDING}\" y=\"20\">{}</text>\n<text class=\"dim\" x=\"{PADDING}\" y=\"36\">{}</text>\n",
        escaped(&timeline.title),
        escaped(&timeline.summary)
    );
    for (from, until) in timeline.scale.shortened() {
        let (from, until) = (x(*from), x(*until));
        content.push_str(&format!(
            "<rect class=\"idle\" x=\"{from:.1}\" y=\"{HEAD_HEIGHT}\" width=\"{:.1}\" height=\"{}\"><title>time without work, drawn short</title></rect>\n",
            until - from,
            n_rows * ROW_HEIGHT
        ));
    }
    for (row, n) in timeline.rows.iter().zip(0_u64..) {
        let top = HEAD_HEIGHT + n * ROW_HEIGHT;
        let middle = top + ROW_HEIGHT - 6;
        let indent = 2 * CHAR_WIDTH * (row.depth as u64).min(16);
        let label = fitted(&row.label, LABEL_WIDTH - indent - CHAR_WIDTH);
        let note = row.note();
        content.push_str(&format!(
            "<g><title>{} {}</title><text x=\"{}\" y=\"{middle}\">{}</text>\n",
            escaped(&guest_text::unbroken(&row.label)),
            escaped(&note),
            PADDING + indent,
            escaped(&label)
        ));
        for bar in &row.bars {
            let class = if bar.is_wait {
                "waiting"
            } else {
                class(row.status)
            };
            let (from, until) = (x(bar.from), x(bar.until));
            content.push_str(&format!(
                "<rect class=\"{class}\" x=\"{from:.1}\" y=\"{}\" width=\"{:.1}\" height=\"{BAR_HEIGHT}\" rx=\"2\"/>\n",
                top + (ROW_HEIGHT - BAR_HEIGHT) / 2,
                (until - from).max(1.0)
            ));
        }
        content.push_str(&format!(
            "<text class=\"dim\" x=\"{}\" y=\"{middle}\">{}</text></g>\n",
            left + BARS_WIDTH + CHAR_WIDTH,
            escaped(&note)
        ));
    }
    let width = left + BARS_WIDTH + NOTE_WIDTH + PADDING;
    picture(&timeline.title, width, height, &content)
}
