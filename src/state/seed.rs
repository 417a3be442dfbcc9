//! Whether a seed would be loaded again as it is.
//!
//! In: the checksum of a seed's file, the seed's fingerprint now, the one that the ledger has of its last load. Out: a word for
//! plans: seeds are loaded in every run all the same, as dbt does.

use crate::node::Checksum;

/// Whether the seed's file and the configs that shape its table are those of its last load. Of a file too large to be hashed
/// while the project is read nobody knows: it counts as changed.
pub fn seed_is_unchanged(file: &Checksum, fingerprint: &str, last_load: Option<&str>) -> bool {
    file.name == "sha256" && last_load == Some(fingerprint)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_hashed_file_can_be_known_to_be_the_same() {
        let hashed = Checksum { name: "sha256".to_owned(), checksum: "00".to_owned() };
        assert!(seed_is_unchanged(&hashed, "a", Some("a")));
        assert!(!seed_is_unchanged(&hashed, "a", Some("b")));
        assert!(!seed_is_unchanged(&hashed, "a", None));
        let large = Checksum { name: "path".to_owned(), ..hashed };
        assert!(!seed_is_unchanged(&large, "a", Some("a")));
    }
}
