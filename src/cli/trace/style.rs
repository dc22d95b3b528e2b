//! How much the terminal can show.

/// Without a terminal, and where its width is not known.
const WIDTH: usize = 80;

/// Lines longer than this are hard to read, whatever the terminal's width.
const WIDEST: usize = 120;

/// Characters, colours and columns to print with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Style {
    /// Box drawing and arrows, else ASCII.
    pub unicode: bool,
    /// ANSI colours. Nothing is told by colour alone.
    pub colour: bool,
    /// Columns before a line is wrapped.
    pub width: usize,
}

/// What a piece of text is, for its colour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Paint {
    #[default]
    Plain,
    /// Names of hops.
    Strong,
    /// Addresses and other small print.
    Dim,
    Good,
    Warning,
    Bad,
}

impl Style {
    /// No colours, no box drawing, 80 columns.
    pub fn plain() -> Self {
        Self {
            unicode: false,
            colour: false,
            width: WIDTH,
        }
    }

    /// What fits to stdout: `terminal` is its width in columns if it is a terminal at all.
    pub fn detect(terminal: Option<usize>, variable: impl Fn(&str) -> Option<String>) -> Self {
        let set = |name: &str| variable(name).filter(|value| !value.is_empty());
        let dumb = set("TERM").as_deref() == Some("dumb");
        let locale = set("LC_ALL")
            .or_else(|| set("LC_CTYPE"))
            .or_else(|| set("LANG"))
            .unwrap_or_default()
            .to_ascii_lowercase();
        // Windows has no such variables, and its terminals have shown UTF-8 for years.
        let utf8 = cfg!(windows) || locale.contains("utf-8") || locale.contains("utf8");
        Self {
            unicode: utf8 && !dumb,
            colour: terminal.is_some() && !dumb && set("NO_COLOR").is_none(),
            width: terminal.map_or(WIDTH, |columns| columns.clamp(40, WIDEST)),
        }
    }

    pub(super) fn paint(self, paint: Paint, text: &str) -> String {
        let code = match paint {
            Paint::Plain => return text.to_owned(),
            _ if !self.colour => return text.to_owned(),
            Paint::Strong => "1",
            Paint::Dim => "2",
            Paint::Good => "32",
            Paint::Warning => "33",
            Paint::Bad => "31",
        };
        format!("\u{1b}[{code}m{text}\u{1b}[0m")
    }

    pub(super) fn arrow(self) -> &'static str {
        if self.unicode { "→" } else { "->" }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn detect(terminal: Option<usize>, variables: &[(&str, &str)]) -> Style {
        Style::detect(terminal, |name| {
            let found = variables.iter().find(|(known, _)| *known == name)?;
            Some(found.1.to_owned())
        })
    }

    #[test]
    fn colour_needs_a_terminal_and_no_word_against_it() {
        assert!(detect(Some(100), &[]).colour);
        assert!(!detect(None, &[]).colour);
        assert!(!detect(Some(100), &[("NO_COLOR", "1")]).colour);
        assert!(!detect(Some(100), &[("TERM", "dumb")]).colour);
        assert!(detect(Some(100), &[("NO_COLOR", "")]).colour);
    }

    #[cfg(not(windows))]
    #[test]
    fn box_drawing_needs_a_locale_that_has_it() {
        assert!(detect(None, &[("LANG", "en_US.UTF-8")]).unicode);
        assert!(!detect(None, &[("LANG", "C")]).unicode);
        assert!(!detect(None, &[("LANG", "C.utf8"), ("LC_ALL", "POSIX")]).unicode);
        assert!(!detect(None, &[("LANG", "C.utf8"), ("TERM", "dumb")]).unicode);
    }

    #[test]
    fn the_width_stays_within_reason() {
        assert_eq!(detect(None, &[]).width, 80);
        assert_eq!(detect(Some(300), &[]).width, 120);
        assert_eq!(detect(Some(10), &[]).width, 40);
    }
}
