//! Where a step stands in its stage, as a name that stays right when steps are put between others.

use std::fmt;
use std::str::FromStr;

/// `2`, `2.1`, `2.1.3`: numbers, compared one after the other, so that `1 < 1.1 < 2`. The last is
/// not zero: between any two there is another.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Position(Vec<u32>);

/// What is not a [`Position`].
#[derive(Debug)]
pub(crate) struct NotAPosition;

/// Numbers that a position may have: one more is needed only where a line was put before the line
/// that was last put before the same line, and so on.
const DEPTH_MAX: usize = 100;

impl Position {
    /// The position in the id of a step.
    pub(crate) fn of(id: &str) -> Option<Self> {
        id.rsplit_once('/').map_or(id, |(_, position)| position).parse().ok()
    }

    /// A position between two others, as short as can be: the next number where that is free. None
    /// as `low` is before all, none as `high` behind all; `low` is less than `high`.
    pub(crate) fn between(low: Option<&Self>, high: Option<&Self>) -> Self {
        let low = low.map_or(&[][..], |low| &low.0);
        let fits = |candidate: &[u32]| high.is_none_or(|high| candidate < high.0.as_slice());
        for length in 1..=low.len() {
            let mut candidate = low.get(..length).unwrap_or_default().to_vec();
            let next = candidate.pop().and_then(|last| last.checked_add(1));
            candidate.extend(next);
            if next.is_some() && fits(&candidate) {
                return Self(candidate);
            }
        }
        // `high` starts as `low` does, and has a number that is not zero behind that.
        let mut candidate = low.to_vec();
        for _ in 0..=high.map_or(0, |high| high.0.len()) {
            candidate.push(1);
            if fits(&candidate) {
                break;
            }
            candidate.pop();
            candidate.push(0);
        }
        Self(candidate)
    }

    /// The id of the step of `stage` that stands here.
    pub(crate) fn id(&self, stage: &str) -> String {
        if stage.is_empty() { self.to_string() } else { format!("{stage}/{self}") }
    }
}

/// `STAGE` of `STAGE/PLACE`; empty where there is one stage without a name.
pub(crate) fn stage_of(id: &str) -> &str {
    id.rsplit_once('/').map_or("", |(stage, _)| stage)
}

impl FromStr for Position {
    type Err = NotAPosition;

    fn from_str(text: &str) -> Result<Self, NotAPosition> {
        let number = |part: &str| {
            let number: u32 = part.parse().ok()?;
            (number.to_string() == part).then_some(number)
        };
        let numbers: Option<Vec<u32>> = text.split('.').take(DEPTH_MAX + 1).map(number).collect();
        match numbers {
            Some(numbers) if numbers.len() <= DEPTH_MAX && numbers.last() != Some(&0) => {
                Ok(Self(numbers))
            }
            _ => Err(NotAPosition),
        }
    }
}

impl fmt::Display for Position {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        for number in &self.0 {
            write!(formatter, "{separator}{number}")?;
            separator = ".";
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn position(text: &str) -> Position {
        text.parse().unwrap()
    }

    #[test]
    fn there_is_always_a_short_place_between() {
        let between = |low: &str, high: &str| {
            let bound = |text: &str| (!text.is_empty()).then(|| position(text));
            Position::between(bound(low).as_ref(), bound(high).as_ref()).to_string()
        };
        for (low, high, expected) in [
            ("", "", "1"),
            ("3", "", "4"),
            ("3.2", "", "4"),
            ("1", "2", "1.1"),
            ("1", "3", "2"),
            ("1.1", "2", "1.2"),
            ("1", "1.1", "1.0.1"),
            ("1", "1.0.1", "1.0.0.1"),
            ("1.1", "1.2", "1.1.1"),
            ("", "1", "0.1"),
            ("", "0.1", "0.0.1"),
            ("4294967295", "", "4294967295.1"),
        ] {
            assert_eq!(between(low, high), expected, "{low} {high}");
        }
    }

    #[test]
    fn positions_have_one_form() {
        for text in ["1", "0.1", "10.0.3", "4294967295"] {
            assert_eq!(position(text).to_string(), text);
        }
        let deep = ["1."; DEPTH_MAX].concat() + "1";
        for text in ["", "0", "1.0", "01", "1.01", "1.", ".1", "+1", "a", "4294967296", &deep] {
            assert!(text.parse::<Position>().is_err(), "{text}");
        }
        assert_eq!(Position::of("build/1.2"), Some(position("1.2")));
        assert_eq!(stage_of("build/1.2"), "build");
        assert_eq!(position("1.2").id("build"), "build/1.2");
        assert_eq!(position("2").id(""), "2");
    }

    proptest! {
        /// Whatever is inserted wherever: all keep their order, and can be read.
        #[test]
        fn order_survives_any_insertion(places in prop::collection::vec(0..100_usize, 0..40)) {
            let mut positions: Vec<Position> = Vec::new();
            for place in places {
                let at = place % (positions.len() + 1);
                let low = at.checked_sub(1).map(|before| &positions[before]);
                let new = Position::between(low, positions.get(at));
                prop_assert_eq!(new.to_string().parse::<Position>().ok(), Some(new.clone()));
                positions.insert(at, new);
            }
            prop_assert!(positions.windows(2).all(|pair| pair[0] < pair[1]), "{:?}", positions);
        }
    }
}
