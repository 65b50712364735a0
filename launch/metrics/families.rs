//! Families of metrics as OpenMetrics has them, written one after the other.

use std::fmt;

use concert_runtime::Percentiles;
use concert_runtime::stats::BUCKET_MILLIS;
use prometheus_client::encoding::{DescriptorEncoder, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::exemplar::Exemplar;

/// Labels of one sample: names and values.
pub(super) type Labels<'a> = Vec<(&'static str, &'a str)>;

/// Writes families. Each stands once, with its samples; one without any is told of all
/// the same, so that it is known to exist.
pub(super) struct Families<'a>(DescriptorEncoder<'a>);

impl<'a> Families<'a> {
    pub(super) fn to(encoder: DescriptorEncoder<'a>) -> Self {
        Self(encoder)
    }

    /// A family of counters, called NAME_total.
    pub(super) fn counters<'s>(
        &mut self,
        name: &str,
        help: &str,
        samples: impl IntoIterator<Item = (Labels<'s>, u64)>,
    ) -> fmt::Result {
        let write = |one: &mut MetricEncoder<'_>, value: &u64| {
            one.encode_counter(value, None::<&Exemplar<NoLabelSet, u64>>)
        };
        self.family((name, help, MetricType::Counter), samples, write)
    }

    /// A counter of seconds, called NAME_total.
    pub(super) fn seconds(&mut self, name: &str, help: &str, value: Option<f64>) -> fmt::Result {
        let write = |one: &mut MetricEncoder<'_>, value: &f64| {
            one.encode_counter(value, None::<&Exemplar<NoLabelSet, f64>>)
        };
        let samples = value.map(|value| (Vec::new(), value));
        self.family((name, help, MetricType::Counter), samples, write)
    }

    /// A family of gauges.
    pub(super) fn gauges<'s>(
        &mut self,
        name: &str,
        help: &str,
        samples: impl IntoIterator<Item = (Labels<'s>, f64)>,
    ) -> fmt::Result {
        let write = |one: &mut MetricEncoder<'_>, value: &f64| one.encode_gauge(value);
        self.family((name, help, MetricType::Gauge), samples, write)
    }

    /// A family of histograms of seconds.
    pub(super) fn histograms<'s>(
        &mut self,
        name: &str,
        help: &str,
        samples: impl IntoIterator<Item = (Labels<'s>, &'s Percentiles)>,
    ) -> fmt::Result {
        self.family((name, help, MetricType::Histogram), samples, histogram)
    }

    /// What is known of something, as labels of a metric called NAME_info.
    pub(super) fn info(
        &mut self,
        name: &str,
        help: &str,
        labels: Option<Labels<'_>>,
    ) -> fmt::Result {
        let mut metric = self
            .0
            .encode_descriptor(name, help, None, MetricType::Info)?;
        labels.map_or(Ok(()), |labels| metric.encode_info(&labels))
    }

    fn family<'s, T>(
        &mut self,
        (name, help, kind): (&str, &str, MetricType),
        samples: impl IntoIterator<Item = (Labels<'s>, T)>,
        write: impl Fn(&mut MetricEncoder<'_>, &T) -> fmt::Result,
    ) -> fmt::Result {
        let mut metric = self.0.encode_descriptor(name, help, None, kind)?;
        for (labels, value) in samples {
            match labels.is_empty() {
                true => write(&mut metric, &value)?,
                false => write(&mut metric.encode_family(&labels)?, &value)?,
            }
        }
        Ok(())
    }
}

/// Samples without labels.
pub(super) fn plain(
    values: impl IntoIterator<Item = f64>,
) -> impl Iterator<Item = (Labels<'static>, f64)> {
    values.into_iter().map(|value| (Vec::new(), value))
}

fn histogram(one: &mut MetricEncoder<'_>, durations: &&Percentiles) -> fmt::Result {
    let bounds = BUCKET_MILLIS.iter().map(|millis| millis / 1e3);
    let mut buckets: Vec<(f64, u64)> = bounds.zip(durations.buckets).collect();
    let counted: u64 = durations.buckets.iter().sum();
    buckets.push((f64::INFINITY, durations.count.saturating_sub(counted)));
    let sum = durations.mean_millis * durations.count as f64 / 1e3;
    one.encode_histogram::<NoLabelSet>(sum, durations.count, &buckets, None)
}
