//! A tree of lines, drawn with branches and wrapped at the terminal's width.

use super::style::{Paint, Style};

/// Text never gets narrower than this, however deep it stands; then lines run over the edge.
const NARROWEST: usize = 32;

/// Before the rows of a line that follow its first one.
const HANGING: &str = "  ";

/// A line of differently painted pieces.
#[derive(Clone, Debug, Default)]
pub(super) struct Line(Vec<(Paint, String)>);

/// A line, smaller lines below it, and branches below those.
#[derive(Clone, Debug, Default)]
pub(super) struct Branch {
    pub(super) head: Line,
    pub(super) details: Vec<Line>,
    pub(super) children: Vec<Branch>,
}

impl Line {
    pub(super) fn new() -> Self {
        Self::default()
    }

    /// Adds a piece; it is separated from what is there by the blanks it brings along.
    pub(super) fn with(mut self, paint: Paint, text: impl Into<String>) -> Self {
        self.0.push((paint, text.into()));
        self
    }

    pub(super) fn plain(self, text: impl Into<String>) -> Self {
        self.with(Paint::Plain, text)
    }

    pub(super) fn dim(self, text: impl Into<String>) -> Self {
        self.with(Paint::Dim, text)
    }

    /// Cuts at blanks, so that no row is wider than `width`; longer words are cut where they are.
    fn rows(&self, width: usize, style: Style) -> Vec<String> {
        let mut rows = Rows {
            width,
            style,
            done: Vec::new(),
            row: String::new(),
            used: 0,
        };
        for (paint, text) in &self.0 {
            for part in text.split_inclusive(' ') {
                let word = part.trim_end_matches(' ');
                rows.word(*paint, word);
                rows.blank(part.len() - word.len());
            }
        }
        rows.finish()
    }
}

struct Rows {
    width: usize,
    style: Style,
    done: Vec<String>,
    row: String,
    used: usize,
}

impl Rows {
    fn word(&mut self, paint: Paint, word: &str) {
        let length = word.chars().count();
        if self.used > 0 && self.used + length > self.width {
            self.wrap();
        }
        let mut rest = word;
        while rest.chars().count() > self.width - self.used {
            let room = self.width - self.used;
            let cut = rest
                .char_indices()
                .nth(room)
                .map_or(rest.len(), |(at, _)| at);
            let (now, later) = rest.split_at(cut);
            self.row.push_str(&self.style.paint(paint, now));
            self.wrap();
            rest = later;
        }
        if !rest.is_empty() {
            self.row.push_str(&self.style.paint(paint, rest));
            self.used += rest.chars().count();
        }
    }

    /// Blanks at the edge of a row vanish.
    fn blank(&mut self, count: usize) {
        if self.used == 0 {
            return;
        }
        if self.used + count >= self.width {
            self.wrap();
        } else {
            self.row.push_str(&" ".repeat(count));
            self.used += count;
        }
    }

    fn wrap(&mut self) {
        self.done.push(std::mem::take(&mut self.row));
        self.used = 0;
    }

    fn finish(mut self) -> Vec<String> {
        if self.used > 0 || self.done.is_empty() {
            self.wrap();
        }
        self.done
    }
}

/// Draws branches below one another; every line ends with a line feed and without blanks.
pub(super) fn draw(branches: &[Branch], style: Style) -> String {
    let mut text = String::new();
    draw_below(branches, "", style, &mut text);
    text
}

/// A line of its own, outside of the tree.
pub(super) fn draw_line(line: &Line, style: Style) -> String {
    let mut text = String::new();
    for row in line.rows(style.width, style) {
        push(&mut text, "", &row);
    }
    text
}

fn draw_below(branches: &[Branch], prefix: &str, style: Style, text: &mut String) {
    let [corner, fork, bar] = if style.unicode {
        ["└─ ", "├─ ", "│  "]
    } else {
        ["`- ", "|- ", "|  "]
    };
    for (index, branch) in branches.iter().enumerate() {
        let last = index + 1 == branches.len();
        let (joint, beside) = if last { (corner, "   ") } else { (fork, bar) };
        let below = format!("{prefix}{beside}");
        let beside_text = if branch.children.is_empty() {
            "   "
        } else {
            bar
        };
        let small = format!("{below}{beside_text}");
        let room = |used: &str| {
            let used = used.chars().count() + HANGING.len();
            let room = style.width.saturating_sub(used);
            room.max(NARROWEST)
        };
        let head = branch.head.rows(room(&small), style);
        for (index, row) in head.iter().enumerate() {
            let before = if index == 0 {
                format!("{prefix}{joint}")
            } else {
                format!("{small}{HANGING}")
            };
            push(text, &before, row);
        }
        for detail in &branch.details {
            for (index, row) in detail.rows(room(&small), style).iter().enumerate() {
                let hanging = if index == 0 { "" } else { HANGING };
                push(text, &format!("{small}{hanging}"), row);
            }
        }
        draw_below(&branch.children, &below, style, text);
    }
}

fn push(text: &mut String, prefix: &str, row: &str) {
    text.push_str(prefix);
    text.push_str(row);
    text.truncate(text.trim_end_matches(' ').len());
    text.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leaf(text: &str) -> Branch {
        Branch {
            head: Line::new().plain(text),
            ..Branch::default()
        }
    }

    #[test]
    fn branches_details_and_wrapped_lines_keep_their_bars() {
        let tree = [
            Branch {
                head: Line::new().plain("first"),
                details: vec![Line::new().plain("one two three four five six seven eight nine")],
                children: vec![leaf("child")],
            },
            leaf("last"),
        ];
        let style = Style {
            width: 40,
            ..Style::plain()
        };
        assert_eq!(
            draw(&tree, style),
            "|- first\n\
             |  |  one two three four five six\n\
             |  |    seven eight nine\n\
             |  `- child\n\
             `- last\n"
        );
    }

    #[test]
    fn a_word_longer_than_a_row_is_cut() {
        let rows = Line::new()
            .plain("a ")
            .plain("b".repeat(25))
            .rows(10, Style::plain());
        assert_eq!(rows, ["a ", "bbbbbbbbbb", "bbbbbbbbbb", "bbbbb"]);
    }

    #[test]
    fn no_width_and_no_text_breaks_the_drawing() {
        for width in 1..90 {
            let style = Style {
                width,
                unicode: true,
                colour: true,
            };
            for text in ["", " ", "   x   ", "äöü ßßß", &"w".repeat(200)] {
                let mut tree = leaf(text);
                for _ in 0..40 {
                    tree = Branch {
                        children: vec![tree],
                        ..leaf(text)
                    };
                }
                assert!(!draw(&[tree], style).is_empty());
            }
        }
    }
}
