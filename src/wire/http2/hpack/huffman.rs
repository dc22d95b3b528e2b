//! HPACK's Huffman code (RFC 7541 section 5.2 and appendix B), read four bits at a time.
//!
//! The shortest code has five bits, so four bits end at most one letter. A walk through the code's
//! tree is turned into a table of steps once.

use std::sync::LazyLock;

use super::Malformed;

/// Code and number of its bits for each byte, and for the end of the string.
#[rustfmt::skip]
const CODES: [(u32, u8); 257] = [
    (0x1ff8, 13), (0x007f_ffd8, 23), (0x0fff_ffe2, 28), (0x0fff_ffe3, 28), (0x0fff_ffe4, 28),
    (0x0fff_ffe5, 28), (0x0fff_ffe6, 28), (0x0fff_ffe7, 28), (0x0fff_ffe8, 28), (0x00ff_ffea, 24),
    (0x3fff_fffc, 30), (0x0fff_ffe9, 28), (0x0fff_ffea, 28), (0x3fff_fffd, 30), (0x0fff_ffeb, 28),
    (0x0fff_ffec, 28), (0x0fff_ffed, 28), (0x0fff_ffee, 28), (0x0fff_ffef, 28), (0x0fff_fff0, 28),
    (0x0fff_fff1, 28), (0x0fff_fff2, 28), (0x3fff_fffe, 30), (0x0fff_fff3, 28), (0x0fff_fff4, 28),
    (0x0fff_fff5, 28), (0x0fff_fff6, 28), (0x0fff_fff7, 28), (0x0fff_fff8, 28), (0x0fff_fff9, 28),
    (0x0fff_fffa, 28), (0x0fff_fffb, 28), (0x14, 6), (0x3f8, 10), (0x3f9, 10), (0xffa, 12),
    (0x1ff9, 13), (0x15, 6), (0xf8, 8), (0x7fa, 11), (0x3fa, 10), (0x3fb, 10), (0xf9, 8),
    (0x7fb, 11), (0xfa, 8), (0x16, 6), (0x17, 6), (0x18, 6), (0x0, 5), (0x1, 5), (0x2, 5),
    (0x19, 6), (0x1a, 6), (0x1b, 6), (0x1c, 6), (0x1d, 6), (0x1e, 6), (0x1f, 6), (0x5c, 7),
    (0xfb, 8), (0x7ffc, 15), (0x20, 6), (0xffb, 12), (0x3fc, 10), (0x1ffa, 13), (0x21, 6),
    (0x5d, 7), (0x5e, 7), (0x5f, 7), (0x60, 7), (0x61, 7), (0x62, 7), (0x63, 7), (0x64, 7),
    (0x65, 7), (0x66, 7), (0x67, 7), (0x68, 7), (0x69, 7), (0x6a, 7), (0x6b, 7), (0x6c, 7),
    (0x6d, 7), (0x6e, 7), (0x6f, 7), (0x70, 7), (0x71, 7), (0x72, 7), (0xfc, 8), (0x73, 7),
    (0xfd, 8), (0x1ffb, 13), (0x7fff0, 19), (0x1ffc, 13), (0x3ffc, 14), (0x22, 6), (0x7ffd, 15),
    (0x3, 5), (0x23, 6), (0x4, 5), (0x24, 6), (0x5, 5), (0x25, 6), (0x26, 6), (0x27, 6), (0x6, 5),
    (0x74, 7), (0x75, 7), (0x28, 6), (0x29, 6), (0x2a, 6), (0x7, 5), (0x2b, 6), (0x76, 7),
    (0x2c, 6), (0x8, 5), (0x9, 5), (0x2d, 6), (0x77, 7), (0x78, 7), (0x79, 7), (0x7a, 7),
    (0x7b, 7), (0x7ffe, 15), (0x7fc, 11), (0x3ffd, 14), (0x1ffd, 13), (0x0fff_fffc, 28),
    (0xfffe6, 20), (0x003f_ffd2, 22), (0xfffe7, 20), (0xfffe8, 20), (0x003f_ffd3, 22),
    (0x003f_ffd4, 22), (0x003f_ffd5, 22), (0x007f_ffd9, 23), (0x003f_ffd6, 22), (0x007f_ffda, 23),
    (0x007f_ffdb, 23), (0x007f_ffdc, 23), (0x007f_ffdd, 23), (0x007f_ffde, 23), (0x00ff_ffeb, 24),
    (0x007f_ffdf, 23), (0x00ff_ffec, 24), (0x00ff_ffed, 24), (0x003f_ffd7, 22), (0x007f_ffe0, 23),
    (0x00ff_ffee, 24), (0x007f_ffe1, 23), (0x007f_ffe2, 23), (0x007f_ffe3, 23), (0x007f_ffe4, 23),
    (0x001f_ffdc, 21), (0x003f_ffd8, 22), (0x007f_ffe5, 23), (0x003f_ffd9, 22), (0x007f_ffe6, 23),
    (0x007f_ffe7, 23), (0x00ff_ffef, 24), (0x003f_ffda, 22), (0x001f_ffdd, 21), (0xfffe9, 20),
    (0x003f_ffdb, 22), (0x003f_ffdc, 22), (0x007f_ffe8, 23), (0x007f_ffe9, 23), (0x001f_ffde, 21),
    (0x007f_ffea, 23), (0x003f_ffdd, 22), (0x003f_ffde, 22), (0x00ff_fff0, 24), (0x001f_ffdf, 21),
    (0x003f_ffdf, 22), (0x007f_ffeb, 23), (0x007f_ffec, 23), (0x001f_ffe0, 21), (0x001f_ffe1, 21),
    (0x003f_ffe0, 22), (0x001f_ffe2, 21), (0x007f_ffed, 23), (0x003f_ffe1, 22), (0x007f_ffee, 23),
    (0x007f_ffef, 23), (0xfffea, 20), (0x003f_ffe2, 22), (0x003f_ffe3, 22), (0x003f_ffe4, 22),
    (0x007f_fff0, 23), (0x003f_ffe5, 22), (0x003f_ffe6, 22), (0x007f_fff1, 23), (0x03ff_ffe0, 26),
    (0x03ff_ffe1, 26), (0xfffeb, 20), (0x7fff1, 19), (0x003f_ffe7, 22), (0x007f_fff2, 23),
    (0x003f_ffe8, 22), (0x01ff_ffec, 25), (0x03ff_ffe2, 26), (0x03ff_ffe3, 26), (0x03ff_ffe4, 26),
    (0x07ff_ffde, 27), (0x07ff_ffdf, 27), (0x03ff_ffe5, 26), (0x00ff_fff1, 24), (0x01ff_ffed, 25),
    (0x7fff2, 19), (0x001f_ffe3, 21), (0x03ff_ffe6, 26), (0x07ff_ffe0, 27), (0x07ff_ffe1, 27),
    (0x03ff_ffe7, 26), (0x07ff_ffe2, 27), (0x00ff_fff2, 24), (0x001f_ffe4, 21), (0x001f_ffe5, 21),
    (0x03ff_ffe8, 26), (0x03ff_ffe9, 26), (0x0fff_fffd, 28), (0x07ff_ffe3, 27), (0x07ff_ffe4, 27),
    (0x07ff_ffe5, 27), (0xfffec, 20), (0x00ff_fff3, 24), (0xfffed, 20), (0x001f_ffe6, 21),
    (0x003f_ffe9, 22), (0x001f_ffe7, 21), (0x001f_ffe8, 21), (0x007f_fff3, 23), (0x003f_ffea, 22),
    (0x003f_ffeb, 22), (0x01ff_ffee, 25), (0x01ff_ffef, 25), (0x00ff_fff4, 24), (0x00ff_fff5, 24),
    (0x03ff_ffea, 26), (0x007f_fff4, 23), (0x03ff_ffeb, 26), (0x07ff_ffe6, 27), (0x03ff_ffec, 26),
    (0x03ff_ffed, 26), (0x07ff_ffe7, 27), (0x07ff_ffe8, 27), (0x07ff_ffe9, 27), (0x07ff_ffea, 27),
    (0x07ff_ffeb, 27), (0x0fff_fffe, 28), (0x07ff_ffec, 27), (0x07ff_ffed, 27), (0x07ff_ffee, 27),
    (0x07ff_ffef, 27), (0x07ff_fff0, 27), (0x03ff_ffee, 26), (0x3fff_ffff, 30),
];

/// The code that must not occur.
const END: usize = 256;

/// What four more bits lead to.
#[derive(Clone, Copy, Debug, Default)]
struct Step {
    /// The node they lead to.
    next: u16,
    /// A letter that they complete.
    letter: Option<u8>,
    /// Whether they cannot occur.
    wrong: bool,
}

/// The steps from every inner node of the tree, and where a string may end.
#[derive(Debug)]
struct Steps {
    steps: Vec<[Step; 16]>,
    /// Nodes at most seven ones away from the root: what is left is padding.
    may_end: Vec<bool>,
}

static STEPS: LazyLock<Steps> = LazyLock::new(Steps::new);

/// A child in the tree.
#[derive(Clone, Copy, Debug)]
enum Child {
    Missing,
    Node(u16),
    Leaf(usize),
}

impl Steps {
    fn new() -> Self {
        let nodes = tree();
        let mut may_end = vec![false; nodes.len()];
        let mut node = Child::Node(0);
        for _ in 0..8 {
            let Child::Node(index) = node else { break };
            may_end[usize::from(index)] = true;
            node = nodes[usize::from(index)][1];
        }
        let from = |start: usize| -> [Step; 16] {
            std::array::from_fn(|bits| {
                let mut node = start;
                let mut letter = None;
                for position in (0..4).rev() {
                    match nodes[node][bits >> position & 1] {
                        Child::Node(next) => node = usize::from(next),
                        Child::Leaf(symbol) if symbol != END => {
                            letter = u8::try_from(symbol).ok();
                            node = 0;
                        }
                        Child::Leaf(_) | Child::Missing => {
                            return Step {
                                wrong: true,
                                ..Step::default()
                            };
                        }
                    }
                }
                Step {
                    // There are 256 inner nodes.
                    next: u16::try_from(node).unwrap_or_default(),
                    letter,
                    wrong: false,
                }
            })
        };
        Self {
            steps: (0..nodes.len()).map(from).collect(),
            may_end,
        }
    }
}

/// The code as a tree; the root is the first node.
fn tree() -> Vec<[Child; 2]> {
    let mut nodes = vec![[Child::Missing; 2]];
    for (symbol, (code, bits)) in CODES.iter().enumerate() {
        let mut node = 0;
        for position in (1..*bits).rev() {
            let bit = (code >> position & 1) as usize;
            node = match nodes[node][bit] {
                Child::Node(next) => usize::from(next),
                Child::Missing | Child::Leaf(_) => {
                    let next = nodes.len();
                    nodes.push([Child::Missing; 2]);
                    nodes[node][bit] = Child::Node(u16::try_from(next).unwrap_or_default());
                    next
                }
            };
        }
        nodes[node][(code & 1) as usize] = Child::Leaf(symbol);
    }
    nodes
}

/// Appends what the code stands for.
pub(super) fn decode(coded: &[u8], text: &mut Vec<u8>) -> Result<(), Malformed> {
    let table = &*STEPS;
    let mut node = 0;
    for byte in coded {
        for bits in [byte >> 4, byte & 15] {
            let step = table.steps[usize::from(node)][usize::from(bits)];
            if step.wrong {
                return Err(Malformed::Huffman);
            }
            text.extend(step.letter);
            node = step.next;
        }
    }
    if table.may_end[usize::from(node)] {
        Ok(())
    } else {
        Err(Malformed::Huffman)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(coded: &[u8]) -> Result<String, Malformed> {
        let mut text = Vec::new();
        decode(coded, &mut text)?;
        Ok(String::from_utf8(text).unwrap())
    }

    /// From RFC 7541 appendix C.4 and C.6.
    #[test]
    fn the_examples_of_the_specification_are_read() {
        let coded = [
            0xf1, 0xe3, 0xc2, 0xe5, 0xf2, 0x3a, 0x6b, 0xa0, 0xab, 0x90, 0xf4, 0xff,
        ];
        assert_eq!(text(&coded).unwrap(), "www.example.com");
        assert_eq!(
            text(&[0xa8, 0xeb, 0x10, 0x64, 0x9c, 0xbf]).unwrap(),
            "no-cache"
        );
        assert_eq!(text(&[]).unwrap(), "");
    }

    #[test]
    fn every_byte_comes_back() {
        let bits: Vec<bool> = CODES[..END]
            .iter()
            .flat_map(|(code, length)| (0..*length).rev().map(move |bit| code >> bit & 1 == 1))
            .collect();
        let coded: Vec<u8> = bits
            .chunks(8)
            .map(|chunk| {
                let padding = std::iter::repeat_n(&true, 8 - chunk.len());
                let bits = chunk.iter().chain(padding);
                bits.fold(0, |byte, bit| byte << 1 | u8::from(*bit))
            })
            .collect();
        let mut letters = Vec::new();
        decode(&coded, &mut letters).unwrap();
        assert_eq!(letters, (0..=255).collect::<Vec<u8>>());
    }

    #[test]
    fn what_is_no_code_is_refused() {
        // The end symbol, padding of eight ones, padding with a zero.
        for wrong in [
            &[0xff, 0xff, 0xff, 0xff][..],
            &[0xff],
            &[0b0001_1000, 0b1111_1111, 0xff],
        ] {
            assert!(text(wrong).is_err(), "{wrong:x?}");
        }
        assert!(text(&[0b0001_1000]).is_err());
    }
}
