//! Names on the two sides: `cloud-service` in a path, `CloudService` in a proto.

/// `CloudServiceType` → `cloud-service-type`, `APIKey` → `api-key`.
pub(super) fn kebab_of_camel(name: &str) -> String {
    let letters: Vec<char> = name.chars().collect();
    let mut kebab = String::with_capacity(name.len() + 4);
    for (index, letter) in letters.iter().enumerate() {
        let after_lower = index > 0 && !letters[index - 1].is_ascii_uppercase();
        // The last capital of a run opens the next word: `APIKey` is `API` and `Key`.
        let before_lower = letters.get(index + 1).is_some_and(char::is_ascii_lowercase);
        if letter.is_ascii_uppercase() && index > 0 && (after_lower || before_lower) {
            kebab.push('-');
        }
        kebab.push(letter.to_ascii_lowercase());
    }
    kebab
}

/// `get_auth_info` → `get-auth-info`.
pub(super) fn kebab_of_snake(name: &str) -> String {
    name.replace('_', "-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_found_in_every_style() {
        for (camel, kebab) in [
            ("CloudServiceType", "cloud-service-type"),
            ("APIKey", "api-key"),
            ("Region", "region"),
            ("UserProfile", "user-profile"),
        ] {
            assert_eq!(kebab_of_camel(camel), kebab);
        }
        assert_eq!(kebab_of_snake("get_auth_info"), "get-auth-info");
    }
}
