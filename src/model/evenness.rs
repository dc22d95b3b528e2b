//! How even a spread over pods is: Pearson's chi-square test against equal shares, in words too.

use serde::{Deserialize, Serialize};

/// Answers that each pod should have got before the test says anything (Cochran's rule).
const EXPECTED: f64 = 5.0;
/// A spread as uneven as this is drawn by equal chances once in a thousand runs.
const UNEVEN: f64 = 0.001;
/// A spread more even than this is drawn once in a hundred runs, and always where pods take turns.
const TURNS: f64 = 0.99;

/// The test's outcome.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Evenness {
    /// Pearson's statistic; 0 for equal shares.
    pub chi_square: f64,
    /// Pods but one.
    pub degrees: u32,
    /// How often equal chances would give a spread that is at least as uneven, from 0 to 1.
    pub probability: f64,
    /// In one word.
    pub verdict: Fairness,
}

/// What a spread looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Fairness {
    /// More even than any draw.
    Turns,
    /// As equal chances would have it.
    Fair,
    /// As they would not.
    Uneven,
}

impl Evenness {
    /// Of so many requests for each pod; `None` where there is nothing to compare.
    pub fn of(requests: &[u64]) -> Option<Self> {
        let degrees = u32::try_from(requests.len().checked_sub(1)?).ok()?;
        let total: u64 = requests.iter().sum();
        let expected = exact(total) / (f64::from(degrees) + 1.0);
        if degrees == 0 || expected < EXPECTED {
            return None;
        }
        let chi_square = requests
            .iter()
            .map(|count| (exact(*count) - expected).powi(2) / expected)
            .sum();
        let probability = exceeded(chi_square, f64::from(degrees));
        let verdict = if probability < UNEVEN {
            Fairness::Uneven
        } else if probability > TURNS {
            Fairness::Turns
        } else {
            Fairness::Fair
        };
        Some(Self {
            chi_square,
            degrees,
            probability,
            verdict,
        })
    }

    /// One sentence without full stop.
    pub fn describe(&self) -> &'static str {
        match self.verdict {
            Fairness::Turns => "more even than dice: the pods took turns",
            Fairness::Fair => "even, as far as a draw with equal chances is",
            Fairness::Uneven => "uneven: equal chances would not draw this once in 1000 runs",
        }
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "counts of requests stay far below 2^52"
)]
fn exact(count: u64) -> f64 {
    count as f64
}

/// How often a chi-square variable is at least so large: the upper incomplete gamma function at half
/// the degrees, by its recurrence from one degree, or from two, on.
fn exceeded(chi_square: f64, degrees: f64) -> f64 {
    let y = chi_square / 2.0;
    let (mut tail, mut half, mut term) = if degrees % 2.0 == 0.0 {
        ((-y).exp(), 1.0, (-y).exp() * y)
    } else {
        let root = y.sqrt();
        let scale = std::f64::consts::FRAC_2_SQRT_PI;
        (
            2.0 * normal_tail((2.0 * y).sqrt()),
            0.5,
            (-y).exp() * root * scale,
        )
    };
    while half < degrees / 2.0 {
        tail += term;
        half += 1.0;
        term *= y / half;
    }
    tail
}

/// How often a standard normal variable exceeds a positive `z` (Abramowitz and Stegun 26.2.17, whose
/// error is below 1e-7).
fn normal_tail(z: f64) -> f64 {
    const TERMS: [f64; 5] = [
        0.319_381_530,
        -0.356_563_782,
        1.781_477_937,
        -1.821_255_978,
        1.330_274_429,
    ];
    let t = 1.0 / (1.0 + 0.231_641_9 * z);
    let sum = TERMS.iter().rev().fold(0.0, |sum, term| (sum + term) * t);
    (-z * z / 2.0).exp() / std::f64::consts::TAU.sqrt() * sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tails_are_those_of_the_printed_tables() {
        // Critical values at 5 % and 0.1 %.
        for (degrees, five, tenth) in [
            (1.0, 3.841, 10.828),
            (4.0, 9.488, 18.467),
            (9.0, 16.919, 27.877),
        ] {
            assert!((exceeded(five, degrees) - 0.05).abs() < 0.005, "{degrees}");
            assert!(
                (exceeded(tenth, degrees) - 0.001).abs() < 0.000_3,
                "{degrees}"
            );
        }
    }

    #[test]
    fn turns_draws_and_pinning_are_told_apart() {
        let verdict = |requests: &[u64]| Evenness::of(requests).unwrap().verdict;
        assert_eq!(verdict(&[100, 100, 100]), Fairness::Turns);
        assert_eq!(verdict(&[90, 112, 98]), Fairness::Fair);
        assert_eq!(verdict(&[300, 0, 0]), Fairness::Uneven);
        assert_eq!(Evenness::of(&[300]), None, "one pod has everything");
        assert_eq!(Evenness::of(&[3, 4]), None, "too few to tell");
        assert_eq!(Evenness::of(&[]), None);
    }
}
