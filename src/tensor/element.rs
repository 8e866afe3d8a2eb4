//! Types that a tensor's elements have.

use crate::data::Dtype;
use half::f16;

mod sealed {
    pub trait Sealed {}
    impl Sealed for f32 {}
    impl Sealed for half::f16 {}
    impl Sealed for u32 {}
}

/// A type of elements: f32, f16 ([`half::f16`]) or u32.
pub trait Element: bytemuck::Pod + Send + Sync + sealed::Sealed {
    /// The type as a value.
    const DTYPE: Dtype;
}

/// A type of elements that kernels compute with: f32 or f16.
pub trait Float: Element {}

impl Element for f32 {
    const DTYPE: Dtype = Dtype::F32;
}

impl Element for f16 {
    const DTYPE: Dtype = Dtype::F16;
}

impl Element for u32 {
    const DTYPE: Dtype = Dtype::U32;
}

impl Float for f32 {}
impl Float for f16 {}
