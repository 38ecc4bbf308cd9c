//! Prometheus' text format, version 0.0.4.

use std::fmt::{Display, Write as _};

use crate::service::Distribution;

/// The media type.
pub const MEDIA_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// A text that grows by one family of metrics after another.
#[derive(Default)]
pub struct Text(String);

/// The samples of one family.
pub struct Family<'a> {
    text: &'a mut String,
    name: &'static str,
}

/// Labels of a sample with their values, which are words of this program: nothing in them needs to be escaped, and there
/// are as many as there are of those.
pub type Labels<'a> = &'a [(&'static str, &'a str)];

impl Text {
    /// What only grows while the process runs. Its name ends in `_total`.
    pub fn counter(&mut self, name: &'static str, help: &'static str) -> Family<'_> {
        self.family(name, "counter", help)
    }

    /// What goes up and down.
    pub fn gauge(&mut self, name: &'static str, help: &'static str) -> Family<'_> {
        self.family(name, "gauge", help)
    }

    /// How many observations were at most how large.
    pub fn histogram(&mut self, name: &'static str, help: &'static str) -> Family<'_> {
        self.family(name, "histogram", help)
    }

    fn family(&mut self, name: &'static str, kind: &str, help: &str) -> Family<'_> {
        // Writing to a string does not fail.
        let _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}");
        Family { text: &mut self.0, name }
    }

    /// All of it.
    pub fn finish(self) -> String {
        self.0
    }
}

impl Family<'_> {
    /// Adds a sample.
    pub fn sample(&mut self, labels: Labels<'_>, value: impl Display) -> &mut Self {
        self.line("", labels, None, &value)
    }

    /// Adds the samples of a histogram, of whose values so many are one of the unit that is told.
    pub fn distribution(&mut self, labels: Labels<'_>, a_unit: f64, distribution: &Distribution) -> &mut Self {
        let bounds = distribution.bounds.iter().map(|bound| (*bound as f64 / a_unit).to_string());
        for (bound, count) in bounds.chain(["+Inf".to_owned()]).zip(&distribution.counts) {
            self.line("_bucket", labels, Some(&bound), count);
        }
        self.line("_sum", labels, None, &(distribution.sum as f64 / a_unit));
        self.line("_count", labels, None, &distribution.count())
    }

    fn line(&mut self, suffix: &str, labels: Labels<'_>, bound: Option<&str>, value: &dyn Display) -> &mut Self {
        let _ = write!(self.text, "{}{suffix}", self.name);
        let mut before = '{';
        for (label, value) in labels.iter().copied().chain(bound.map(|bound| ("le", bound))) {
            let _ = write!(self.text, "{before}{label}=\"{value}\"");
            before = ',';
        }
        if before == ',' {
            self.text.push('}');
        }
        let _ = writeln!(self.text, " {value}");
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::service::Histogram;

    #[test]
    fn a_family_is_written_as_prometheus_reads_it() {
        let mut text = Text::default();
        text.counter("a_total", "How many.").sample(&[("code", "x"), ("method", "GET")], 3).sample(&[], 0.5);
        let histogram = Histogram::new(&[500, 1_000_000]);
        histogram.observe(700);
        histogram.observe(2_000_000);
        text.histogram("b_seconds", "How long.").distribution(&[("of", "c")], 1e6, &histogram.read());
        let wanted = "# HELP a_total How many.\n\
                      # TYPE a_total counter\n\
                      a_total{code=\"x\",method=\"GET\"} 3\n\
                      a_total 0.5\n\
                      # HELP b_seconds How long.\n\
                      # TYPE b_seconds histogram\n\
                      b_seconds_bucket{of=\"c\",le=\"0.0005\"} 0\n\
                      b_seconds_bucket{of=\"c\",le=\"1\"} 1\n\
                      b_seconds_bucket{of=\"c\",le=\"+Inf\"} 2\n\
                      b_seconds_sum{of=\"c\"} 2.0007\n\
                      b_seconds_count{of=\"c\"} 2\n";
        assert_eq!(text.finish(), wanted);
    }
}
