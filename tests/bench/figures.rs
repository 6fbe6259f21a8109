//! What was measured: one JSON document, and the same as a table.

use std::time::Duration;

use comfy_table::Table;
use serde::Serialize;

/// One figure.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Figure {
    /// What.
    pub(crate) name: String,
    /// Where: a stack, or a floor.
    pub(crate) of: &'static str,
    /// How much.
    pub(crate) value: f64,
    /// In what.
    pub(crate) unit: &'static str,
    /// How it was measured.
    pub(crate) how: String,
}

/// All figures of a run.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Figures {
    /// Processors of this machine.
    pub(crate) processors: usize,
    /// In the order of measurement.
    pub(crate) figures: Vec<Figure>,
}

impl Figures {
    /// Notes a figure, and says so on the terminal: a run takes minutes.
    pub(crate) fn add(
        &mut self,
        name: &str,
        of: &'static str,
        (value, unit): (f64, &'static str),
        how: impl Into<String>,
    ) {
        let figure = Figure { name: name.to_owned(), of, value, unit, how: how.into() };
        eprintln!("{:<34} {:<24} {:>10.2} {unit}", figure.name, figure.of, figure.value);
        self.figures.push(figure);
    }

    /// The table.
    pub(crate) fn table(&self) -> String {
        let mut table = Table::new();
        table.set_header(["figure", "of", "value", "unit", "how"]);
        for figure in &self.figures {
            let value = if figure.value < 10.0 {
                format!("{:.2}", figure.value)
            } else {
                format!("{:.0}", figure.value)
            };
            table.add_row([figure.name.as_str(), figure.of, &value, figure.unit, &figure.how]);
        }
        table.to_string()
    }
}

/// The `share`-th quantile, in milliseconds.
pub(crate) fn quantile(times: &[Duration], share: f64) -> f64 {
    let mut sorted = times.to_vec();
    sorted.sort_unstable();
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "a place in a list of thousands"
    )]
    let place = ((sorted.len() as f64 * share).ceil() as usize).clamp(1, sorted.len()) - 1;
    sorted[place].as_secs_f64() * 1000.0
}

/// So many in that time, a second.
pub(crate) fn rate(count: usize, time: Duration) -> f64 {
    f64::from(u32::try_from(count).unwrap()) / time.as_secs_f64()
}
