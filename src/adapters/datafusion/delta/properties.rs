//! Properties of a table that statements set. In: a name and a value. Out: nothing, or why they mean nothing: a program that reads
//! the table would take the value for its default, or fail, and nobody would be told.

use super::DeltaError;

const TRUTHS: &[&str] = &[
    "delta.appendOnly",
    "delta.autoOptimize.autoCompact",
    "delta.autoOptimize.optimizeWrite",
    "delta.checkpoint.writeStatsAsJson",
    "delta.checkpoint.writeStatsAsStruct",
    "delta.randomizeFilePrefixes",
];

const NUMBERS: &[&str] = &[
    "delta.checkpointInterval",
    "delta.dataSkippingNumIndexedCols",
    "delta.randomPrefixLength",
    "delta.targetFileSize",
];

/// What demands of writers something that is not written here.
const FEATURES: &[&str] = &[
    "delta.columnMapping.mode",
    "delta.enableChangeDataFeed",
    "delta.enableDeletionVectors",
    "delta.enableIcebergCompatV1",
    "delta.enableIcebergCompatV2",
    "delta.enableInCommitTimestamps",
    "delta.enableRowTracking",
    "delta.enableTypeWidening",
];

/// Refuses a property that cannot be kept.
pub(super) fn check(table: &str, name: &str, value: &str) -> Result<(), DeltaError> {
    let value = value.trim();
    let refuse = |why: &str| Err(DeltaError::Unsupported(format!("{table}: the table property {name} {why}")));
    if TRUTHS.contains(&name) && !["true", "false"].contains(&value) {
        return refuse(&format!("is true or false, not {value}"));
    }
    if NUMBERS.contains(&name) && value.parse::<i64>().is_err() {
        return refuse(&format!("is a whole number, not {value}"));
    }
    if FEATURES.contains(&name) && !["false", "none"].contains(&value) {
        return refuse("demands of every commit what is not written here; leave it out");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::check;

    #[test]
    fn values_have_to_mean_something() {
        for (name, value) in [
            ("delta.appendOnly", "true"),
            ("delta.targetFileSize", " 1048576"),
            ("delta.dataSkippingNumIndexedCols", "-1"),
            ("delta.enableDeletionVectors", "false"),
            ("delta.columnMapping.mode", "none"),
            ("delta.logRetentionDuration", "interval 30 days"),
            ("owner", "maybe"),
        ] {
            assert!(check("main/t", name, value).is_ok(), "{name}");
        }
        for (name, value) in [
            ("delta.appendOnly", "maybe"),
            ("delta.targetFileSize", "64MB"),
            ("delta.enableDeletionVectors", "true"),
            ("delta.columnMapping.mode", "name"),
        ] {
            assert!(check("main/t", name, value).is_err(), "{name}");
        }
    }
}
