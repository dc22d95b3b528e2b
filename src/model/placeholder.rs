//! Placeholders in the texts of lessons: `{https_port}`, `{pod:console}` …
//!
//! Anything else in braces is text, so that JSON and a shell's braces stay what they are.

/// What is filled in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Placeholder<'a> {
    /// `{https_port}`: the host port that speaks TLS.
    HttpsPort,
    /// `{http_port}`: the host port in clear text.
    HttpPort,
    /// `{ca}`: the file with the certificate of the lab's CA.
    Ca,
    /// `{lab}`: the lab's name.
    Lab,
    /// `{cluster:NAME}`: address and port at which the ClusterIP of a Service listens.
    Cluster(&'a str),
    /// `{pod:NAME}`: the first pod of a Deployment.
    Pod(&'a str),
    /// `{address:NAME}`: address and port at which this machine reaches that pod.
    Address(&'a str),
}

/// A part of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Piece<'a> {
    /// As it is.
    Text(&'a str),
    /// To be filled in.
    Fill(Placeholder<'a>),
    /// In the form of a placeholder, but none.
    Unknown(&'a str),
}

/// The names of all placeholders.
pub const PLACEHOLDERS: [&str; 7] = [
    "https_port",
    "http_port",
    "ca",
    "lab",
    "cluster:NAME",
    "pod:NAME",
    "address:NAME",
];

/// Takes a text apart.
pub fn pieces(text: &str) -> Vec<Piece<'_>> {
    let mut found = Vec::new();
    let (mut rest, mut from) = (text, 0);
    while let Some(open) = rest[from..].find('{').map(|at| from + at) {
        let Some(close) = rest[open..].find('}').map(|at| open + at) else {
            break;
        };
        let inside = &rest[open + 1..close];
        if !has_the_form(inside) {
            from = open + 1;
            continue;
        }
        if open > 0 {
            found.push(Piece::Text(&rest[..open]));
        }
        found.push(match known(inside) {
            Some(placeholder) => Piece::Fill(placeholder),
            None => Piece::Unknown(inside),
        });
        (rest, from) = (&rest[close + 1..], 0);
    }
    if !rest.is_empty() {
        found.push(Piece::Text(rest));
    }
    found
}

/// Small letters and underscores, and perhaps a name after a colon.
fn has_the_form(inside: &str) -> bool {
    let (word, name) = inside.split_once(':').unwrap_or((inside, "x"));
    let small = |byte: u8| byte.is_ascii_lowercase();
    !word.is_empty()
        && !name.is_empty()
        && word.bytes().all(|byte| small(byte) || byte == b'_')
        && name
            .bytes()
            .all(|byte| small(byte) || byte.is_ascii_digit() || byte == b'-')
}

fn known(inside: &str) -> Option<Placeholder<'_>> {
    Some(match inside.split_once(':') {
        None => match inside {
            "https_port" => Placeholder::HttpsPort,
            "http_port" => Placeholder::HttpPort,
            "ca" => Placeholder::Ca,
            "lab" => Placeholder::Lab,
            _ => return None,
        },
        Some(("cluster", name)) => Placeholder::Cluster(name),
        Some(("pod", name)) => Placeholder::Pod(name),
        Some(("address", name)) => Placeholder::Address(name),
        Some(_) => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_stays_as_it_is_and_placeholders_are_found() {
        let text = r#"curl -d '{"name":"x"}' --cacert {ca} https://a:{https_port}/{}"#;
        assert_eq!(
            pieces(text),
            [
                Piece::Text(r#"curl -d '{"name":"x"}' --cacert "#),
                Piece::Fill(Placeholder::Ca),
                Piece::Text(" https://a:"),
                Piece::Fill(Placeholder::HttpsPort),
                Piece::Text("/{}"),
            ]
        );
        assert_eq!(
            pieces("lab kill {pod:inventory-worker}"),
            [
                Piece::Text("lab kill "),
                Piece::Fill(Placeholder::Pod("inventory-worker")),
            ]
        );
        assert_eq!(pieces("{pot:a}"), [Piece::Unknown("pot:a")]);
        assert_eq!(pieces("{port"), [Piece::Text("{port")]);
    }
}
