//! Pod images of earlier builds: each rebuild of the binary makes one, so they would pile up.

use std::collections::HashMap;
use std::time::{Duration, SystemTime};

use bollard::query_parameters::{ListImagesOptionsBuilder, RemoveImageOptions};

use super::connect::Daemon;

/// Younger ones may belong to a lab that is about to make its first container.
const AGE: Duration = Duration::from_secs(600);

/// Removes the images of the repository that no container uses, all but `kept`. Whatever cannot be
/// removed is in use, or will be seen by the next build.
pub(super) async fn remove(daemon: &Daemon, repository: &str, kept: &str) {
    let filters = HashMap::from([("reference".to_owned(), vec![repository.to_owned()])]);
    let options = ListImagesOptionsBuilder::new().filters(&filters).build();
    let Ok(images) = daemon.docker.list_images(Some(options)).await else {
        return;
    };
    let old = images.iter().filter(|image| is_old(image.created));
    let tags = old.flat_map(|image| &image.repo_tags);
    let prefix = format!("{repository}:");
    for tag in tags.filter(|tag| tag.starts_with(&prefix) && *tag != kept) {
        // Without force the daemon refuses while a container, running or not, needs it.
        let removed = daemon
            .docker
            .remove_image(tag, None::<RemoveImageOptions>, None)
            .await;
        if removed.is_ok() {
            tracing::info!(image = tag, "removed the pod image of an earlier build");
        }
    }
}

/// Whether an image was made long enough ago; `created` in seconds since 1970.
fn is_old(created: i64) -> bool {
    let created = Duration::from_secs(u64::try_from(created).unwrap_or_default());
    SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .is_ok_and(|now| now.saturating_sub(created) > AGE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_images_of_some_age_are_old() {
        let now = SystemTime::now()
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap();
        let now = i64::try_from(now.as_secs()).unwrap();
        assert!(!is_old(now) && !is_old(now + 100));
        assert!(is_old(now - 700) && is_old(0) && is_old(-1));
    }
}
