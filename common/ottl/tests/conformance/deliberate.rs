//! Where our results differ from the reference's on purpose: the table of the crate's documentation, as data. Shared as `compare` is.

/// A difference.
pub(crate) struct Difference {
    /// As it stands in the first column of the table.
    pub(crate) what: &'static str,
    /// The cases that show it.
    pub(crate) cases: &'static [&'static str],
}

/// All of them. Why they are stands in the table.
pub(crate) const DELIBERATE: &[Difference] = &[
    Difference {
        what: "a map literal in a list literal",
        cases: &[
            "SliceToMap-1d7474dc",
            "SliceToMap-1dbe13b0",
            "SliceToMap-df55eb2e",
            "SliceToMap-ee95902d",
            "compare-e2784204",
            "lambda-2c55f543",
        ],
    },
    Difference {
        what: "`attributes[\"x\"] == Split(..)`",
        cases: &["compare-e393c9bf", "compare-f1560017"],
    },
    Difference { what: "`IsList(bucket_counts)`", cases: &["IsList-0f97804e"] },
    Difference { what: "`set(bucket_counts, explicit_bounds)`", cases: &["buckets-a1d4177c"] },
    Difference { what: "`set` of what OTLP cannot hold", cases: &["buckets-b5e164dc"] },
    Difference { what: "`set` of a map into itself", cases: &["set-185a0cb4", "set-55779f78"] },
    Difference { what: "`Log` of a subnormal number", cases: &["Log-24832df6"] },
    Difference {
        what: "`replace_*` with a converter that has further, optional parameters",
        cases: &[
            "replace_all_matches-a43a0a40",
            "replace_all_matches-fedc6b5f",
            "replace_match-921d3dc8",
            "replace_pattern-945ac8c5",
            "replace_pattern-d72b132e",
        ],
    },
    Difference {
        what: "`replace_*` with a converter that needs further parameters",
        cases: &[
            "replace_all_matches-fce02d9d",
            "replace_match-349d6014",
            "replace_pattern-d860ce86",
        ],
    },
    Difference { what: "`?` of a glob", cases: &["replace_all_matches-ecd92f94"] },
    Difference {
        what: "the context `spanlink`",
        cases: &["inference-b5f58fee", "inference-f7279205"],
    },
];

/// The row of a case, if it has one.
pub(crate) fn row(id: &str) -> Option<&'static Difference> {
    DELIBERATE.iter().find(|row| row.cases.contains(&id))
}
