//! The objects of a file: as YAML for the lab, as JSON for an API, and pods for its Services.
//!
//! Each Service gets an EndpointSlice with one pod. In the annotation `test/endpoints` it may ask
//! for `none`, for `refusing` (an address at which nobody listens), or for a number of pods; the
//! annotation is taken out.

use std::net::SocketAddr;
use std::path::Path;

use saphyr_parser::{Event, Parser, ScalarStyle};
use serde_json::{Map, Value, json};

use super::{READY, address, pods};
use crate::ingress_support::nobody;

/// All objects of a file.
#[derive(Debug)]
pub(super) struct Objects {
    /// As one file of several documents.
    pub(super) yaml: String,
    pub(super) list: Vec<Value>,
}

impl Objects {
    /// Reads a file and starts the pods.
    pub(super) async fn start(file: &Path) -> Self {
        let text = std::fs::read_to_string(file).unwrap();
        let mut list = documents(&text);
        list.push(json!({
            "apiVersion": "v1", "kind": "Service", "metadata": {"name": "ready"},
            "spec": {"ports": [{"port": 80, "targetPort": 9000}]},
        }));
        list.push(json!({
            "apiVersion": "networking.k8s.io/v1", "kind": "Ingress",
            "metadata": {"name": "ready"},
            "spec": {"rules": [{"host": READY, "http": {"paths": [{
                "path": "/", "pathType": "Prefix",
                "backend": {"service": {"name": "ready", "port": {"number": 80}}},
            }]}}]},
        }));
        let mut slices = Vec::new();
        for object in &mut list {
            object["metadata"]["namespace"] = json!("default");
            if object["kind"] == "Service" {
                slices.push(slice(object).await);
            }
        }
        list.extend(slices.into_iter().flatten());
        // JSON is YAML.
        let yaml = list.iter().map(Value::to_string).collect::<Vec<_>>();
        Self {
            yaml: yaml.join("\n---\n"),
            list,
        }
    }

    /// All of one kind.
    pub(super) fn of(&self, kind: &str) -> Vec<&Value> {
        let same = |object: &&Value| object["kind"] == kind;
        self.list.iter().filter(same).collect()
    }
}

/// The endpoints of a Service, none for one of type ExternalName.
async fn slice(service: &mut Value) -> Option<Value> {
    if service["spec"]["type"] == "ExternalName" {
        return None;
    }
    let asked = service["metadata"]["annotations"]
        .as_object_mut()
        .and_then(|annotations| annotations.remove("test/endpoints"));
    let name = service["metadata"]["name"].as_str().unwrap().to_owned();
    let port = service["spec"]["ports"][0].clone();
    let number = u16::try_from(port["targetPort"].as_u64().unwrap()).unwrap();
    let mut endpoints = Vec::new();
    let mut slice_port = number;
    match asked.as_ref().and_then(Value::as_str).unwrap_or("1") {
        "none" => {}
        "refusing" => {
            let refusing = nobody();
            slice_port = refusing.port();
            endpoints.push(json!({"addresses": [refusing.ip()], "conditions": {"ready": true}}));
        }
        count => {
            for pod in 0..count.parse::<u32>().unwrap() {
                let address = address();
                pods::start(
                    &format!("{name}-{pod}"),
                    SocketAddr::from((address, number)),
                )
                .await;
                endpoints.push(json!({"addresses": [address], "conditions": {"ready": true}}));
            }
        }
    }
    Some(json!({
        "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice",
        "metadata": {
            "name": format!("{name}-1"), "namespace": "default",
            "labels": {"kubernetes.io/service-name": name},
        },
        "addressType": "IPv4",
        "ports": [{"name": port["name"].as_str().unwrap_or(""), "port": slice_port}],
        "endpoints": endpoints,
    }))
}

/// The documents of a YAML text, in the core schema.
fn documents(text: &str) -> Vec<Value> {
    let mut documents = Vec::new();
    let mut parser = Parser::new_from_str(text);
    while let Some(event) = parser.next() {
        if let Event::DocumentStart(_) = event.unwrap().0 {
            let event = parser.next().unwrap().unwrap().0;
            documents.push(value(&mut parser, event));
        }
    }
    documents
}

fn value<'text>(
    parser: &mut Parser<'text, saphyr_parser::StrInput<'text>>,
    event: Event<'text>,
) -> Value {
    match event {
        Event::Scalar(text, ScalarStyle::Plain, ..) => {
            serde_json::from_str(&text).unwrap_or_else(|_| Value::String(text.into_owned()))
        }
        Event::Scalar(text, ..) => Value::String(text.into_owned()),
        Event::SequenceStart(..) => {
            let mut list = Vec::new();
            loop {
                match parser.next().unwrap().unwrap().0 {
                    Event::SequenceEnd => return Value::Array(list),
                    event => list.push(value(parser, event)),
                }
            }
        }
        Event::MappingStart(..) => {
            let mut map = Map::new();
            loop {
                match parser.next().unwrap().unwrap().0 {
                    Event::MappingEnd => return Value::Object(map),
                    Event::Scalar(key, ..) => {
                        let event = parser.next().unwrap().unwrap().0;
                        map.insert(key.into_owned(), value(parser, event));
                    }
                    other => panic!("no key: {other:?}"),
                }
            }
        }
        other => panic!("not in these files: {other:?}"),
    }
}
