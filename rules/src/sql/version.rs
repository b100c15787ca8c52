//! The versions of the rule SQL, which a rule keeps for life.

/// A version of the rule SQL (developer guide, "SQL versions").
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SqlVersion {
    /// `2015-10-08`: what a rule gets that names no version.
    #[default]
    V2015,
    /// `2016-03-23`: literals, nested SELECT, top-level arrays, whole decimals become integers.
    V2016,
    /// `beta`: the newest, which AWS may change; here the same as `2016-03-23`.
    Beta,
}

impl SqlVersion {
    /// The version that `awsIotSqlVersion` names, if there is one of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::V2015, Self::V2016, Self::Beta]
            .into_iter()
            .find(|version| version.name() == name)
    }

    /// The text that `awsIotSqlVersion` and `sql_version()` have.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::V2015 => "2015-10-08",
            Self::V2016 => "2016-03-23",
            Self::Beta => "beta",
        }
    }
}
