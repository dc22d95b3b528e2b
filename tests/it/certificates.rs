//! Certificates from outside: what is served, renewed and trusted.

use std::process::Command;

use serde_json::Value;

use crate::support::lab::Lab;

/// A lab without Cloudforet with these entries beside a Service `web`.
fn lab(controller: &str, entries: &str) -> Lab {
    let toml = format!(
        r#"cloudforet.enabled = false
[ingress]
controller = "{controller}"
[services.web]
endpoints = ["127.0.0.1:9"]
port = 80
{entries}
"#
    );
    Lab::new("process", &toml)
}

fn ingress(name: &str, host: &str, hosts: &str, secret: &str) -> String {
    format!(
        r#"[[ingresses]]
name = "{name}"
rules = [{{ host = "{host}", paths = [{{ path = "/", service = "web", port = 80 }}] }}]
tls = [{{ hosts = [{hosts}], secret = "{secret}" }}]
"#
    )
}

/// Writes a certificate of the user's own and its key.
fn own_certificate(lab: &Lab, names: &[&str]) {
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let made = rcgen::generate_simple_self_signed(names).unwrap();
    lab.file("own.crt", &made.cert.pem());
    lab.file("own.key", &made.signing_key.serialize_pem());
}

fn cert(lab: &Lab, host: &str) -> Value {
    serde_json::from_str(&lab.ok(&["-o", "json", "cert", host])).unwrap()
}

/// The status that a client gets which connects for one name and asks for another host.
fn status_over(lab: &Lab, name: &str, host: &str) -> String {
    let status = lab.status();
    let https = status["ingresses"][0]["addresses"][1].as_str().unwrap();
    let output = Command::new("curl")
        .args(["--silent", "--insecure", "--output", "/dev/null"])
        .args(["--write-out", "%{http_code}", "--connect-to"])
        .arg(format!("{name}:443:{https}"))
        .args(["--header", &format!("Host: {host}")])
        .arg(format!("https://{name}/"))
        .output()
        .unwrap();
    String::from_utf8(output.stdout).unwrap()
}

fn secret<'a>(status: &'a Value, name: &str) -> &'a Value {
    let all = status["certificates"].as_array().unwrap();
    all.iter().find(|one| one["secret"] == name).unwrap()
}

#[test]
fn a_certificate_of_the_users_own_is_served_and_a_broken_one_is_told() {
    let entries = [
        "[secrets.own-tls]\ncert = \"own.crt\"\nkey = \"own.key\"\n",
        "[secrets.lost-tls]\ncert = \"lost.crt\"\nkey = \"own.key\"\n",
        &ingress("own", "own.test", "\"own.test\"", "own-tls"),
        &ingress("lost", "lost.test", "\"lost.test\"", "lost-tls"),
        &ingress("wild", "*.wild.test", "\"*.wild.test\"", "wild-tls"),
        &ingress("bank", "bank.com", "\"bank.com\"", "bank-tls"),
    ]
    .concat();
    let lab = lab("traefik", &entries);
    own_certificate(&lab, &["own.test", "also.test"]);
    lab.up();
    let status = lab.status();
    assert_eq!(secret(&status, "own-tls")["ready"], true);
    assert_eq!(secret(&status, "own-tls")["issuer"], Value::Null);
    let lost = secret(&status, "lost-tls");
    assert_eq!(lost["ready"], false);
    let reports = status["reports"].to_string();
    assert!(reports.contains("lost.crt cannot be read"), "{reports}");
    assert!(reports.contains("bank.com"), "{reports}");

    let own = cert(&lab, "own.test");
    assert_eq!(own["certificate"]["secret"], "own-tls");
    assert_eq!(own["good"], false, "the lab's CA did not sign it");
    // Traefik serves by the certificate's names, whatever rule there is.
    assert_eq!(cert(&lab, "also.test")["chain"][0]["names"][1], "also.test");
    let lost = cert(&lab, "lost.test");
    assert!(
        lost["problems"][0]
            .as_str()
            .unwrap()
            .contains("default certificate"),
        "{lost}"
    );
    let wild = cert(&lab, "a.wild.test");
    assert_eq!(wild["good"], true, "{wild}");
    assert_eq!(wild["certificate"]["secret"], "wild-tls");
    assert!(lab.ok(&["cert", "a.wild.test"]).contains("takes it"));
    assert_eq!(cert(&lab, "a.b.wild.test")["certificate"], Value::Null);

    // Nobody listens behind the Service, but the request gets that far.
    assert_eq!(status_over(&lab, "own.test", "own.test"), "502");
    assert_eq!(status_over(&lab, "also.test", "own.test"), "502");
    assert_eq!(status_over(&lab, "127.0.0.1", "own.test"), "502");
    // Without a certificate of its own a host is asked for over any connection.
    assert_eq!(status_over(&lab, "own.test", "nobody.test"), "404");
    // A client that thinks one certificate is good for both hosts is mistaken.
    assert_eq!(status_over(&lab, "own.test", "a.wild.test"), "421");
    assert_eq!(status_over(&lab, "unknown.test", "own.test"), "421");
    lab.down();
}

#[test]
fn nginx_serves_a_certificate_only_where_a_rule_has_its_host() {
    let entries = [
        "[secrets.own-tls]\ncert = \"own.crt\"\nkey = \"own.key\"\n",
        &ingress("own", "own.test", "\"own.test\"", "own-tls"),
        &ingress("other", "other.test", "\"other.test\"", "own-tls"),
    ]
    .concat();
    let lab = lab("nginx", &entries);
    own_certificate(&lab, &["own.test", "also.test"]);
    lab.up();
    assert_eq!(cert(&lab, "own.test")["chain"][0]["names"][0], "own.test");
    for host in ["also.test", "other.test"] {
        let shown = cert(&lab, host);
        assert!(
            shown["problems"][0]
                .as_str()
                .unwrap()
                .contains("default certificate"),
            "{shown}"
        );
    }
    lab.down();
}

#[test]
fn a_short_lived_certificate_is_renewed() {
    let entries = ingress("web", "web.test", "\"web.test\"", "web-tls");
    let entries = format!("{entries}annotations = {{ \"cert-manager.io/duration\" = \"6s\" }}\n");
    let lab = lab("traefik", &entries);
    lab.up();
    let first = secret(&lab.status(), "web-tls").clone();
    assert_eq!(first["ready"], true);
    while secret(&lab.status(), "web-tls")["not_after"] == first["not_after"] {}
    let served = cert(&lab, "web.test");
    assert_eq!(served["good"], true, "{served}");
    assert_ne!(served["chain"][0]["not_after"], first["not_after"]);
    lab.down();
}

#[test]
fn the_ca_goes_into_the_stores_that_are_there_and_out_again() {
    let lab = lab("traefik", "");
    lab.up();
    let home = tempfile::tempdir().unwrap();
    let database = home.path().join(".pki/nssdb");
    std::fs::create_dir_all(&database).unwrap();
    let sql = format!("sql:{}", database.display());
    let made = Command::new("certutil")
        .args(["-N", "--empty-password", "-d", &sql])
        .status();
    assert!(made.unwrap().success(), "install libnss3-tools");
    // Only what lies in this home and this folder of programs exists.
    let programs = tempfile::tempdir().unwrap();
    let real = Command::new("sh")
        .args(["-c", "command -v certutil"])
        .output()
        .unwrap();
    let real = String::from_utf8(real.stdout).unwrap();
    std::os::unix::fs::symlink(real.trim(), programs.path().join("certutil")).unwrap();
    let trust = |arguments: &[&str]| {
        let mut command = lab.command(&[&["-o", "json", "trust"], arguments].concat());
        command
            .env("HOME", home.path())
            .env("PATH", programs.path())
            .env_remove("JAVA_HOME");
        let output = command.output().unwrap();
        (
            output.status.code(),
            String::from_utf8(output.stdout).unwrap(),
        )
    };
    let status_of = |shown: &str, store: &str| -> String {
        let shown: Value = serde_json::from_str(shown).unwrap();
        let stores = shown["stores"].as_array().unwrap();
        let found = stores.iter().find(|found| found["store"] == store).unwrap();
        found["status"].as_str().unwrap().to_owned()
    };
    let listed = || {
        let output = Command::new("certutil")
            .args(["-L", "-d", &sql])
            .output()
            .unwrap();
        String::from_utf8(output.stdout)
            .unwrap()
            .contains("cloudforet-lab")
    };
    let (_, shown) = trust(&["--dry-run"]);
    assert_eq!(status_of(&shown, "Chromium"), "planned");
    assert_eq!(status_of(&shown, "system"), "missing");
    assert!(shown.contains("NODE_EXTRA_CA_CERTS="), "{shown}");
    assert!(!listed());
    // Without a terminal and without --yes nothing is done.
    assert_eq!(trust(&[]).0, Some(1));
    assert!(!listed());
    assert_eq!(status_of(&trust(&["--yes"]).1, "Chromium"), "trusted");
    assert!(listed());
    assert_eq!(status_of(&trust(&["--yes"]).1, "Chromium"), "unchanged");
    assert_eq!(
        status_of(&trust(&["--remove", "--yes"]).1, "Chromium"),
        "removed"
    );
    assert!(!listed());
    lab.down();
}
