//! What is left of several measurements: their median and how far apart they lay.
//!
//! The spread is the smallest and the largest, not a deviation: on a machine that others use too,
//! the times have a floor and a long tail, and a reader should see both ends.

/// At least one measurement of the same thing.
#[derive(Clone, Copy)]
pub struct Figures {
    pub median: f64,
    pub min: f64,
    pub max: f64,
}

impl Figures {
    pub fn of(mut measured: Vec<f64>) -> Figures {
        assert!(!measured.is_empty(), "no measurements to sum up");
        measured.sort_by(f64::total_cmp);
        let count = measured.len();
        let median = (measured[(count - 1) / 2] + measured[count / 2]) / 2.0;
        Figures {
            median,
            min: measured[0],
            max: measured[count - 1],
        }
    }

    /// The same figures in another unit.
    pub fn map(self, convert: impl Fn(f64) -> f64) -> Figures {
        let Figures { median, min, max } = self;
        Figures {
            median: convert(median),
            min: convert(min),
            max: convert(max),
        }
    }

    /// `min-max`, as short as it can be read.
    pub fn spread(self) -> String {
        format!("{}-{}", short(self.min), short(self.max))
    }
}

/// Three digits or a little more; the rest would be noise.
pub fn short(figure: f64) -> String {
    let decimals = match figure {
        x if x < 10.0 => 2,
        x if x < 100.0 => 1,
        _ => 0,
    };
    format!("{figure:.decimals$}")
}
