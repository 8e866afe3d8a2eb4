//! Names of ceilings: typed in the program, text in JSON.

use serde::{Deserialize, Serialize};
use std::fmt;

/// Declares the ids of this version with their texts.
macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident = $text:literal,)*) => {
        /// Name of a ceiling.
        #[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[serde(from = "String", into = "String")]
        pub enum CeilingId {
            $($(#[$doc])* $name,)*
            /// Ceiling of another version, by its text.
            Other(String),
        }

        impl CeilingId {
            /// Every ceiling of this version.
            #[cfg(test)]
            const ALL: &[Self] = &[$(Self::$name),*];

            /// The id as a report writes it.
            #[must_use]
            pub fn as_str(&self) -> &str {
                match self {
                    $(Self::$name => $text,)*
                    Self::Other(text) => text,
                }
            }
        }

        impl From<&str> for CeilingId {
            fn from(text: &str) -> Self {
                match text {
                    $($text => Self::$name,)*
                    other => Self::Other(other.to_owned()),
                }
            }
        }
    };
}

ids! {
    /// f32 fused multiply-adds.
    ComputeF32 = "compute/f32",
    /// f16 fused multiply-adds.
    ComputeF16 = "compute/f16",
    /// i32 multiply-adds.
    ComputeI32 = "compute/i32",
    /// Dot products of four int8.
    ComputeI8Dot = "compute/i8_dot",
    /// Matrix units on f16 with sums in f32.
    ComputeF16Matrix = "compute/f16_matrix",
    /// Matrix units on f32.
    ComputeF32Matrix = "compute/f32_matrix",
    /// Reads from memory.
    MemoryRead = "memory/read",
    /// Writes to memory.
    MemoryWrite = "memory/write",
    /// A copy from memory to memory.
    MemoryCopy = "memory/copy",
    /// Two reads and a write.
    MemoryTriad = "memory/triad",
    /// Reads of workgroup memory.
    MemoryWorkgroup = "memory/workgroup",
    /// Additions to one counter.
    AtomicOne = "atomic/one",
    /// Additions to many counters.
    AtomicMany = "atomic/many",
    /// A submission without work.
    SystemSubmit = "system/submit",
    /// A submission, and the wait for it.
    SystemRoundTrip = "system/round_trip",
    /// A result read back.
    SystemReadback = "system/readback",
    /// A dispatch among others of one submission.
    SystemDispatch = "system/dispatch",
    /// A pipeline compiled for the first time.
    SystemPipelineFirst = "system/pipeline_first",
    /// A pipeline compiled again.
    SystemPipelineAgain = "system/pipeline_again",
}

impl CeilingId {
    /// The kind of arithmetic, `f16_matrix` of `compute/f16_matrix`; `None` for what is no arithmetic.
    #[must_use]
    pub fn arithmetic(&self) -> Option<&str> {
        self.as_str().strip_prefix("compute/")
    }
}

impl fmt::Display for CeilingId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl std::str::FromStr for CeilingId {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self::from(text))
    }
}

impl From<String> for CeilingId {
    fn from(text: String) -> Self {
        Self::from(text.as_str())
    }
}

impl From<CeilingId> for String {
    fn from(id: CeilingId) -> Self {
        id.as_str().to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_texts_in_json_and_back() {
        for id in CeilingId::ALL {
            assert_eq!(&CeilingId::from(id.as_str()), id);
            let json = serde_json::to_string(id).unwrap();
            assert_eq!(json, format!("{:?}", id.as_str()));
            assert_eq!(&serde_json::from_str::<CeilingId>(&json).unwrap(), id);
        }
        let other = CeilingId::from("compute/bf16");
        assert_eq!(other, CeilingId::Other("compute/bf16".to_owned()));
        assert_eq!(other.arithmetic(), Some("bf16"));
        assert_eq!(CeilingId::MemoryCopy.arithmetic(), None);
    }
}
