//! From a packet to a reply.
//!
//! Only standard queries of class IN with one question are answered; for everything else the reply
//! says which rule it breaks. What is no query at all gets no reply, since a reply to a reply would
//! go round for ever.

use std::net::{IpAddr, SocketAddr};

use hickory_proto::op::{Edns, Message, MessageType, OpCode, Query, ResponseCode};
use hickory_proto::rr::rdata::{A, AAAA, CNAME, NS, PTR, SOA, SRV};
use hickory_proto::rr::{DNSClass, Name, RData, Record, RecordType};

use super::CLUSTER_DOMAIN;
use super::zone::{Known, look_up};
use crate::registry::Cluster;

/// Seconds a client may keep an answer: the default of CoreDNS' `kubernetes` plugin.
const TTL: u32 = 5;
/// What fits without EDNS (RFC 1035), and what is offered with it: below the size from which
/// datagrams are fragmented on an ordinary network (the value of DNS Flag Day 2020).
const PLAIN_SIZE: u16 = 512;
const EDNS_SIZE: u16 = 1232;
/// Aliases that are followed; more are a circle.
const ALIASES: usize = 8;
/// Before a header is complete there is no id to reply to.
const HEADER: usize = 12;

/// What to do with a packet.
#[derive(Debug)]
pub(super) enum Fairness {
    /// Send this back.
    Reply(Reply),
    /// Ask somebody else; if nobody answers, send this back.
    Forward(Reply),
    /// Send this back with what somebody else says about the name at the end of its aliases.
    Follow(Reply, Query),
    /// Nothing.
    Ignore,
}

/// A reply that knows how long it may be.
#[derive(Debug)]
pub(super) struct Reply {
    message: Message,
    /// What the client accepts in one datagram.
    limit: usize,
}

/// Reads a packet and looks the answer up.
pub(super) fn consider(cluster: &Cluster, packet: &[u8], recursion: bool) -> Fairness {
    let Some(header) = packet.get(..HEADER) else {
        return Fairness::Ignore;
    };
    let id = u16::from_be_bytes([header[0], header[1]]);
    if header[2] & 0x80 != 0 {
        return Fairness::Ignore;
    }
    let op_code = OpCode::from_u8((header[2] >> 3) & 0xf);
    let fail = |code| Fairness::Reply(Reply::plain(Message::error_msg(id, op_code, code)));
    if op_code != OpCode::Query {
        return fail(ResponseCode::NotImp);
    }
    let Ok(request) = Message::from_vec(packet) else {
        return fail(ResponseCode::FormErr);
    };
    if request.metadata.message_type != MessageType::Query {
        return Fairness::Ignore;
    }
    let mut reply = Reply::to(&request, recursion);
    let [question] = request.queries.as_slice() else {
        return reply.finish(ResponseCode::FormErr);
    };
    if request.edns.as_ref().is_some_and(|edns| edns.version() > 0) {
        return reply.finish(ResponseCode::BADVERS);
    }
    reply.message.add_query(question.clone());
    if question.query_class() != DNSClass::IN {
        return reply.finish(ResponseCode::Refused);
    }
    if matches!(question.query_type(), RecordType::AXFR | RecordType::IXFR) {
        return reply.finish(ResponseCode::Refused);
    }
    reply.answer(cluster, question)
}

impl Reply {
    fn plain(message: Message) -> Self {
        Self {
            message,
            limit: usize::from(PLAIN_SIZE),
        }
    }

    fn to(request: &Message, recursion: bool) -> Self {
        let mut message = Message::response(request.metadata.id, OpCode::Query);
        message.metadata.recursion_desired = request.metadata.recursion_desired;
        message.metadata.recursion_available = recursion;
        let mut limit = PLAIN_SIZE;
        if let Some(asked) = &request.edns {
            limit = asked.max_payload().clamp(PLAIN_SIZE, EDNS_SIZE);
            let mut edns = Edns::new();
            edns.set_max_payload(EDNS_SIZE);
            message.set_edns(edns);
        }
        let limit = usize::from(limit);
        Self { message, limit }
    }

    fn finish(mut self, code: ResponseCode) -> Fairness {
        self.message.metadata.response_code = code;
        Fairness::Reply(self)
    }

    fn answer(mut self, cluster: &Cluster, question: &Query) -> Fairness {
        // A label may hold any byte; what is no text is no name of ours.
        let labels: Option<Vec<String>> = question
            .name()
            .iter()
            .map(|label| Some(std::str::from_utf8(label).ok()?.to_ascii_lowercase()))
            .collect();
        let known = match &labels {
            Some(labels) => {
                let labels: Vec<&str> = labels.iter().map(String::as_str).collect();
                look_up(cluster, &labels)
            }
            None => Known::Elsewhere,
        };
        let owner = question.name();
        let wanted = question.query_type();
        if let Known::Alias(name) = known {
            return self.alias(cluster, question, name);
        }
        let add = |records: &mut Vec<Record>, data: RData| {
            if wanted == data.record_type() || wanted == RecordType::ANY {
                records.push(Record::from_rdata(owner.clone(), TTL, data));
            }
        };
        self.message.metadata.authoritative = true;
        let answers = &mut self.message.answers;
        match known {
            Known::Addresses(mut addresses) => {
                // The order is what many clients balance by.
                fastrand::shuffle(&mut addresses);
                for address in addresses {
                    add(answers, address_data(address));
                }
            }
            Known::Ports(targets) => {
                // Priorities are equal, so the weight shares evenly.
                let weight = u16::try_from(100 / targets.len().max(1))
                    .unwrap_or(1)
                    .max(1);
                for target in targets {
                    let Ok(name) = Name::from_ascii(format!("{}.", target.name)) else {
                        continue;
                    };
                    add(
                        answers,
                        RData::SRV(SRV::new(0, weight, target.port, name.clone())),
                    );
                    if matches!(wanted, RecordType::SRV | RecordType::ANY) {
                        let record = Record::from_rdata(name, TTL, address_data(target.address));
                        self.message.additionals.push(record);
                    }
                }
                // A Service's targets share one address record.
                self.message.additionals.dedup();
            }
            Known::Name(name) => {
                if let Ok(name) = Name::from_ascii(format!("{name}.")) {
                    add(answers, RData::PTR(PTR(name)));
                }
            }
            // Followed above.
            Known::Alias(_) => {}
            Known::Empty => {
                if owner.num_labels() == 2 {
                    add(answers, soa(cluster));
                    add(answers, RData::NS(NS(name_server())));
                }
            }
            Known::Nothing => self.message.metadata.response_code = ResponseCode::NXDomain,
            Known::Elsewhere => {
                self.message.metadata.authoritative = false;
                // With somebody to ask this is sent only if none of them answers.
                self.message.metadata.response_code = if self.message.metadata.recursion_available {
                    ResponseCode::ServFail
                } else {
                    ResponseCode::Refused
                };
                return Fairness::Forward(self);
            }
        }
        if self.message.answers.is_empty() {
            let record = Record::from_rdata(cluster_domain(), TTL, soa(cluster));
            self.message.authorities.push(record);
        }
        Fairness::Reply(self)
    }

    /// An alias, and what is known of the name it stands for, as CoreDNS' `kubernetes` plugin has it.
    fn alias(mut self, cluster: &Cluster, question: &Query, name: String) -> Fairness {
        self.message.metadata.authoritative = true;
        let wanted = question.query_type();
        let mut owner = question.name().clone();
        let mut next = name;
        for _ in 0..ALIASES {
            let Ok(target) = Name::from_ascii(format!("{next}.")) else {
                return self.finish(ResponseCode::ServFail);
            };
            let data = RData::CNAME(CNAME(target.clone()));
            let record = Record::from_rdata(owner, TTL, data);
            self.message.answers.push(record);
            if matches!(wanted, RecordType::CNAME | RecordType::ANY) {
                break;
            }
            let labels: Vec<&str> = next.split('.').collect();
            match look_up(cluster, &labels) {
                Known::Alias(further) => {
                    owner = target;
                    next = further;
                }
                Known::Addresses(addresses) => {
                    let data = addresses.into_iter().map(address_data);
                    let data = data.filter(|data| data.record_type() == wanted);
                    let records = data.map(|data| Record::from_rdata(target.clone(), TTL, data));
                    self.message.answers.extend(records);
                    break;
                }
                Known::Elsewhere => return Fairness::Follow(self, Query::query(target, wanted)),
                Known::Ports(_) | Known::Name(_) | Known::Empty | Known::Nothing => break,
            }
        }
        Fairness::Reply(self)
    }

    /// Adds what another server says about the name at the end of the aliases.
    pub(super) fn join(&mut self, answer: &[u8]) {
        if let Ok(answer) = Message::from_vec(answer) {
            self.message.answers.extend(answer.answers);
        }
    }

    /// Adds the addresses of the name at the end of the aliases.
    pub(super) fn add(&mut self, question: &Query, addresses: &[SocketAddr]) {
        let data = addresses.iter().map(|address| address_data(address.ip()));
        let wanted = data.filter(|data| data.record_type() == question.query_type());
        let records = wanted.map(|data| Record::from_rdata(question.name().clone(), TTL, data));
        self.message.answers.extend(records);
    }

    /// For a connection, where the length is no concern.
    pub(super) fn to_stream(&self) -> Option<Vec<u8>> {
        self.message.to_vec().ok()
    }

    /// For a datagram: as many answers as fit, and the bit that tells that there are more.
    pub(super) fn to_datagram(&self) -> Option<Vec<u8>> {
        let packet = self.message.to_vec().ok()?;
        if packet.len() <= self.limit {
            return Some(packet);
        }
        let mut message = self.message.clone();
        // Additional records are a courtesy, and leaving them out is no truncation (RFC 2181, 9).
        message.additionals.clear();
        loop {
            let packet = message.to_vec().ok()?;
            if packet.len() <= self.limit {
                return Some(packet);
            }
            message.metadata.truncation = true;
            // The smallest record takes 16 bytes, so this never drops too few for long.
            let surplus = (packet.len() - self.limit).div_ceil(32).max(1);
            let left = message.answers.len().checked_sub(surplus)?;
            message.answers.truncate(left);
        }
    }
}

fn address_data(address: IpAddr) -> RData {
    match address {
        IpAddr::V4(address) => RData::A(A(address)),
        IpAddr::V6(address) => RData::AAAA(AAAA(address)),
    }
}

fn cluster_domain() -> Name {
    Name::from_ascii(format!("{CLUSTER_DOMAIN}.")).unwrap_or_default()
}

fn name_server() -> Name {
    Name::from_ascii(format!("ns.dns.{CLUSTER_DOMAIN}.")).unwrap_or_default()
}

/// Its last field is how long a client may remember that a name does not exist.
fn soa(cluster: &Cluster) -> RData {
    let person = Name::from_ascii(format!("hostmaster.{CLUSTER_DOMAIN}.")).unwrap_or_default();
    // Serial numbers wrap around by design (RFC 1982).
    let serial = u32::try_from(cluster.generation & 0xffff_ffff).unwrap_or_default();
    // Refresh, retry and expire are for secondaries, of which there are none.
    RData::SOA(SOA::new(
        name_server(),
        person,
        serial,
        7200,
        1800,
        86_400,
        TTL,
    ))
}
