//! Prometheus' text format, version 0.0.4: families with HELP and TYPE, label values escaped.
//!
//! Written by hand: everything that is shown is counted elsewhere, in the registry or in counters of a
//! shape of their own, so a metrics library would only write these few lines, and the one of the
//! Prometheus project writes `OpenMetrics` alone.

use std::fmt::Write as _;

use crate::model::{DURATION_BOUNDS, Durations};

/// A page of metrics.
#[derive(Debug, Default)]
pub(super) struct Page {
    text: String,
}

/// Names and values of labels.
pub(super) type Labels<'a> = [(&'a str, &'a str)];

impl Page {
    /// Begins a family; its samples follow.
    pub(super) fn family(&mut self, name: &'static str, kind: &str, help: &str) -> Family<'_> {
        // Writing to a String cannot fail.
        let _ = writeln!(self.text, "# HELP {name} {help}\n# TYPE {name} {kind}");
        Family { page: self, name }
    }

    pub(super) fn into_text(self) -> String {
        self.text
    }
}

/// A family that samples are written to.
#[derive(Debug)]
pub(super) struct Family<'p> {
    page: &'p mut Page,
    name: &'static str,
}

impl Family<'_> {
    /// One sample of a counter or a gauge.
    pub(super) fn sample(&mut self, labels: &Labels<'_>, value: u64) {
        self.write("", labels, None, value);
    }

    /// One histogram: buckets that hold all below them, the sum and the count.
    pub(super) fn histogram(&mut self, labels: &Labels<'_>, durations: &Durations) {
        let mut below = 0;
        for (index, count) in durations.buckets.iter().enumerate() {
            below += count;
            let bound = DURATION_BOUNDS.get(index);
            let bound = bound.map_or_else(|| "+Inf".to_owned(), f64::to_string);
            self.write("_bucket", labels, Some(&bound), below);
        }
        self.write("_sum", labels, None, durations.sum);
        self.write("_count", labels, None, below);
    }

    fn write(
        &mut self,
        suffix: &str,
        labels: &Labels<'_>,
        bound: Option<&str>,
        value: impl std::fmt::Display,
    ) {
        let text = &mut self.page.text;
        text.push_str(self.name);
        text.push_str(suffix);
        let bound = bound.map(|bound| ("le", bound));
        for (index, (name, value)) in labels.iter().copied().chain(bound).enumerate() {
            text.push(if index == 0 { '{' } else { ',' });
            text.push_str(name);
            text.push_str("=\"");
            for c in value.chars() {
                match c {
                    '\\' => text.push_str(r"\\"),
                    '"' => text.push_str("\\\""),
                    '\n' => text.push_str(r"\n"),
                    c => text.push(c),
                }
            }
            text.push('"');
        }
        if !labels.is_empty() || bound.is_some() {
            text.push('}');
        }
        let _ = writeln!(text, " {value}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_written_as_the_format_demands() {
        let mut page = Page::default();
        let mut family = page.family("lab_x_total", "counter", "All x.");
        family.sample(&[], 7);
        family.sample(&[("a", "q\"b\\c\nd")], 8);
        let mut family = page.family("lab_y_seconds", "histogram", "How long.");
        let mut buckets = vec![0; DURATION_BOUNDS.len() + 1];
        buckets[0] = 2;
        buckets[14] = 1;
        family.histogram(&[], &Durations { buckets, sum: 1.5 });
        let text = page.into_text();
        assert!(text.starts_with(
            "# HELP lab_x_total All x.\n# TYPE lab_x_total counter\nlab_x_total 7\n\
             lab_x_total{a=\"q\\\"b\\\\c\\nd\"} 8\n"
        ));
        assert!(
            text.contains("lab_y_seconds_bucket{le=\"0.00025\"} 2\n"),
            "{text}"
        );
        assert!(text.ends_with(
            "lab_y_seconds_bucket{le=\"10\"} 2\nlab_y_seconds_bucket{le=\"+Inf\"} 3\n\
             lab_y_seconds_sum 1.5\nlab_y_seconds_count 3\n"
        ));
    }
}
