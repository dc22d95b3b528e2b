//! The figure to compare with: the same number of containers of the same image, created and
//! started in parallel with nothing but the API, in a network of their own.

use std::time::{Duration, Instant};

use bollard::Docker;
use bollard::models::{ContainerCreateBody, HostConfig, NetworkCreateRequest};
use bollard::query_parameters::{
    CreateContainerOptions, ListImagesOptions, RemoveContainerOptions, StartContainerOptions,
};
use tokio::runtime::Runtime;

const NETWORK: &str = "lab-bench-bare";

/// What is measured.
#[derive(Clone, Copy)]
pub(crate) enum Work {
    /// The network and so many containers.
    All(usize),
    /// So many containers, in a network that is there.
    Containers(usize),
}

/// How long it takes once.
pub(crate) fn measure(work: Work) -> Duration {
    let runtime = Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let docker = Docker::connect_with_local_defaults().expect("Docker");
        let image = image(&docker).await;
        let started = Instant::now();
        network(&docker).await;
        let with_network = started.elapsed();
        let (count, before) = match work {
            Work::All(count) => (count, with_network),
            Work::Containers(count) => (count, Duration::ZERO),
        };
        let started = Instant::now();
        let starts: Vec<_> = (0..count)
            .map(|number| tokio::spawn(start(docker.clone(), image.clone(), number)))
            .collect();
        let mut names = Vec::new();
        for start in starts {
            names.push(start.await.expect("no panic"));
        }
        let taken = before + started.elapsed();
        for name in names {
            let options = RemoveContainerOptions {
                force: true,
                ..Default::default()
            };
            let removed = docker.remove_container(&name, Some(options)).await;
            removed.expect("removed");
        }
        docker.remove_network(NETWORK).await.expect("removed");
        taken
    })
}

/// The image that the lab has made from itself.
async fn image(docker: &Docker) -> String {
    let images = docker.list_images(None::<ListImagesOptions>).await;
    let mut images = images.expect("images");
    // Newest first: the one of the binary that was measured.
    images.sort_by_key(|image| std::cmp::Reverse(image.created));
    let mut tags = images.into_iter().flat_map(|image| image.repo_tags);
    tags.find(|tag| tag.starts_with("cloudforet-lab:"))
        .expect("the lab's image")
}

async fn network(docker: &Docker) {
    let request = NetworkCreateRequest {
        name: NETWORK.into(),
        ..Default::default()
    };
    docker.create_network(request).await.expect("a network");
}

async fn start(docker: Docker, image: String, number: usize) -> String {
    let name = format!("lab-bench-bare-{number}");
    let body = ContainerCreateBody {
        image: Some(image),
        // Waits for its standard input, which stays open: the cheapest program of the image.
        cmd: Some(vec!["/lab".into(), "node".into()]),
        open_stdin: Some(true),
        host_config: Some(HostConfig {
            network_mode: Some(NETWORK.into()),
            ..Default::default()
        }),
        ..Default::default()
    };
    let options = CreateContainerOptions {
        name: Some(name.clone()),
        ..Default::default()
    };
    let created = docker.create_container(Some(options), body).await;
    created.expect("created");
    let started = docker
        .start_container(&name, None::<StartContainerOptions>)
        .await;
    started.expect("started");
    name
}
