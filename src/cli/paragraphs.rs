//! Text within 80 columns, and words that stay whole.

/// Columns: a terminal's oldest width.
const WIDTH: usize = 80;

/// Paragraphs that are broken at blanks, with `indent` blanks before each line.
pub(super) fn paragraphs(text: &str, indent: usize) -> String {
    let paragraphs = text.split("\n\n").map(|text| wrapped(text, "", indent));
    paragraphs.collect::<Vec<_>>().join("\n\n")
}

/// One paragraph that begins with a label; further lines stand below the text, not the label.
pub(super) fn labelled(label: &str, text: &str, indent: usize) -> String {
    wrapped(text, label, indent)
}

/// Lines as they are, with blanks before each.
pub(super) fn block(text: &str, indent: usize) -> String {
    let margin = " ".repeat(indent);
    let lines = text.trim_end().lines().map(|line| {
        let line = format!("{margin}{line}");
        line.trim_end().to_owned()
    });
    lines.collect::<Vec<_>>().join("\n")
}

fn wrapped(text: &str, label: &str, indent: usize) -> String {
    let margin = indent + label.chars().count();
    let mut lines = Vec::new();
    let mut line = format!("{}{label}", " ".repeat(indent));
    let mut used = margin;
    let mut is_empty = true;
    for word in text.split_whitespace() {
        let length = word.chars().count();
        if !is_empty && used + 1 + length > WIDTH {
            lines.push(std::mem::replace(&mut line, " ".repeat(margin)));
            (used, is_empty) = (margin, true);
        }
        if !is_empty {
            line.push(' ');
            used += 1;
        }
        line.push_str(word);
        used += length;
        is_empty = false;
    }
    lines.push(line);
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_line_is_wider_than_the_terminal_and_no_word_is_lost() {
        let text = "word ".repeat(60);
        let shown = labelled("1  ", &text, 2);
        assert!(shown.lines().all(|line| line.chars().count() <= WIDTH));
        assert_eq!(shown.split_whitespace().count(), 61);
        assert!(shown.lines().nth(1).unwrap().starts_with("     word"));
        assert_eq!(paragraphs("a\n\nb", 2), "  a\n\n  b");
        assert_eq!(block("a\n b\n", 2), "  a\n   b");
    }
}
