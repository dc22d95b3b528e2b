//! The machine that the lab runs on, as the lab's own process sees it: for the `host` plugin, which in
//! a container would see only itself.
//!
//! Nothing here is secret, and no file of the user's is read. Containers are not told here: only
//! `pods` knows Docker.

use std::cmp::Reverse;

use sysinfo::{
    CpuRefreshKind, Disks, MemoryRefreshKind, Networks, ProcessRefreshKind, RefreshKind, System,
};

use crate::model::{Disk, Interface, Machine, Processes};

/// How many processes are named.
const LARGEST: usize = 5;

/// Looks at the machine; reads much of `/proc`, so it blocks for some milliseconds.
pub fn read() -> Machine {
    let wanted = RefreshKind::nothing()
        .with_cpu(CpuRefreshKind::nothing())
        .with_memory(MemoryRefreshKind::nothing().with_ram())
        .with_processes(ProcessRefreshKind::nothing().with_memory().without_tasks());
    let system = System::new_with_specifics(wanted);
    let cpus = system.cpus();
    let brand = cpus.first().map(|cpu| cpu.brand().trim().to_owned());
    Machine {
        name: System::host_name().unwrap_or_default(),
        os: System::long_os_version().unwrap_or_default(),
        kernel: System::kernel_version().unwrap_or_default(),
        architecture: System::cpu_arch(),
        processor: brand.unwrap_or_default(),
        cores: count(cpus.len()),
        memory: system.total_memory(),
        memory_available: system.available_memory(),
        uptime: System::uptime(),
        disks: disks(),
        interfaces: interfaces(),
        processes: processes(&system),
        containers: None,
    }
}

fn disks() -> Vec<Disk> {
    let disks = Disks::new_with_refreshed_list();
    let mut found: Vec<Disk> = disks
        .list()
        .iter()
        .map(|disk| Disk {
            name: disk.name().to_string_lossy().into_owned(),
            mount: disk.mount_point().display().to_string(),
            file_system: disk.file_system().to_string_lossy().into_owned(),
            size: disk.total_space(),
            available: disk.available_space(),
        })
        .collect();
    found.sort_by(|one, other| one.mount.cmp(&other.mount));
    found
}

fn interfaces() -> Vec<Interface> {
    let networks = Networks::new_with_refreshed_list();
    let mut found: Vec<Interface> = networks
        .iter()
        .map(|(name, data)| Interface {
            name: name.clone(),
            mac: data.mac_address().to_string(),
            addresses: data
                .ip_networks()
                .iter()
                .map(|network| format!("{}/{}", network.addr, network.prefix))
                .collect(),
            received: data.total_received(),
            sent: data.total_transmitted(),
        })
        .collect();
    found.sort_by(|one, other| one.name.cmp(&other.name));
    found
}

fn processes(system: &System) -> Processes {
    let processes = system.processes();
    let mut all: Vec<(String, u64)> = processes
        .values()
        .map(|process| {
            let name = process.name().to_string_lossy().into_owned();
            (name, process.memory())
        })
        .collect();
    all.sort_by(|one, other| {
        Reverse(one.1)
            .cmp(&Reverse(other.1))
            .then_with(|| one.0.cmp(&other.0))
    });
    all.truncate(LARGEST);
    Processes {
        count: count(processes.len()),
        largest: all,
    }
}

fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_has_what_every_machine_has() {
        let machine = read();
        assert!(machine.cores > 0 && machine.memory > 0, "{machine:?}");
        assert!(machine.memory_available <= machine.memory, "{machine:?}");
        assert!(!machine.architecture.is_empty(), "{machine:?}");
        assert!(machine.processes.count > 1, "{machine:?}");
        let largest = machine.processes.largest;
        assert!(!largest.is_empty() && largest.len() <= LARGEST);
        assert!(largest.is_sorted_by_key(|(_, memory)| Reverse(*memory)));
        let is_loopback = |interface: &Interface| {
            interface
                .addresses
                .iter()
                .any(|address| address == "127.0.0.1/8")
        };
        assert!(
            machine.interfaces.iter().any(is_loopback),
            "{:?}",
            machine.interfaces
        );
    }
}
