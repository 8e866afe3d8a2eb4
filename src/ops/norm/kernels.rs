//! The kernels of the norms and the table lines of the operations.

use super::{Affine, Norm, NormKind};
use crate::data::Dtype;
use crate::error::{Error, Result};
use crate::kernel::{Kernel, Stage};
use crate::ops::{Family, Operation, parse_sizes, rows::RowLayout, softmax::Target};
use crate::shader::Shader;

fn samples(kind: NormKind) -> Vec<Box<dyn Operation>> {
    let plain = [
        (3, 1),
        (0, 5),
        (5, 0),
        (127, 13),
        (1, 40_003),
        (1025, 4),
        (5, 256),
        (3, 1000),
    ];
    let mut found: Vec<Norm> = plain.map(|(rows, cols)| Norm::new(kind, rows, cols)).into();
    found.extend([
        Norm {
            dtype: Dtype::F16,
            affine: Affine::WeightAndBias,
            x: RowLayout {
                offset: 3,
                stride: Some(70),
            },
            ..Norm::new(kind, 5, 64)
        },
        Norm {
            affine: Affine::None,
            target: Target::InPlace,
            x: RowLayout {
                offset: 4,
                stride: Some(44),
            },
            ..Norm::new(kind, 7, 40)
        },
        Norm {
            dtype: Dtype::F16,
            affine: Affine::WeightAndBias,
            target: Target::InPlace,
            ..Norm::new(kind, 4, 2048)
        },
    ]);
    found
        .into_iter()
        .map(|norm| -> Box<dyn Operation> { Box::new(norm) })
        .collect()
}

fn parse(
    family: &'static Family,
    kind: NormKind,
    text: &str,
    dtype: Dtype,
) -> Result<Box<dyn Operation>> {
    let mut words = text.split('+').map(str::trim);
    let [rows, cols] = parse_sizes(family, words.next().unwrap_or_default())?;
    let mut norm = Norm {
        dtype,
        ..Norm::new(kind, rows, cols)
    };
    for word in words {
        match word {
            "plain" => norm.affine = Affine::None,
            "bias" => norm.affine = Affine::WeightAndBias,
            "inplace" => norm.target = Target::InPlace,
            _ => {
                return Err(Error::ShapeText {
                    operation: family.name,
                    text: text.to_owned(),
                    expected: SHAPE_FORM,
                });
            }
        }
    }
    Ok(Box::new(norm))
}

pub(super) static NORM_LOOPED: Kernel = kernel(
    "norm_looped",
    "a workgroup walks each row once for each of mean, variance and result",
    &[Stage::of(&NORM_LOOPED_SHADER)],
);
pub(super) static NORM_SPLIT: Kernel = kernel(
    "norm_split",
    "many workgroups share each row, in two dispatches",
    &[Stage::of(&NORM_SPLIT_MOMENTS), Stage::of(&NORM_SPLIT_SCALE)],
);
pub(super) static NORM_WORKGROUP: Kernel = Kernel {
    features: wgpu::Features::SUBGROUP,
    ..kernel(
        "norm_workgroup",
        "each row in registers of a workgroup, read once; subgroups merge",
        &[Stage::of(&NORM_WORKGROUP_SHADER)],
    )
};
pub(super) static NORM_GROUPED: Kernel = kernel(
    "norm_grouped",
    "rows in registers of groups of invocations, read once",
    &[Stage::of(&NORM_GROUPED_SHADER)],
);
static NORM_LOOPED_SHADER: Shader = Shader {
    name: "norm_looped",
    wgsl: include_str!("../../../shaders/norm_looped.wgsl"),
};
static NORM_GROUPED_SHADER: Shader = Shader {
    name: "norm_grouped",
    wgsl: include_str!("../../../shaders/norm_grouped.wgsl"),
};

static NORM_SPLIT_MOMENTS: Shader = Shader {
    name: "norm_split_moments",
    wgsl: include_str!("../../../shaders/norm_split_moments.wgsl"),
};
static NORM_SPLIT_SCALE: Shader = Shader {
    name: "norm_split_scale",
    wgsl: include_str!("../../../shaders/norm_split_scale.wgsl"),
};
static NORM_WORKGROUP_SHADER: Shader = Shader {
    name: "norm_workgroup",
    wgsl: include_str!("../../../shaders/norm_workgroup.wgsl"),
};

const fn kernel(name: &'static str, about: &'static str, stages: &'static [Stage]) -> Kernel {
    Kernel {
        name,
        about,
        stages,
        features: wgpu::Features::empty(),
        dtypes: &[Dtype::F32, Dtype::F16],
        presets: &[],
    }
}

const SHAPE_FORM: &str = "ROWSxCOLS, such as 4096x4096, then any of +plain, +bias, +inplace";
const KERNELS: &[&Kernel] = &[&NORM_LOOPED, &NORM_SPLIT, &NORM_GROUPED, &NORM_WORKGROUP];

/// RMS norm over rows.
pub(in crate::ops) static RMS_NORM: Family = Family {
    name: "rms_norm",
    about: "y = x / sqrt(mean(x^2) + epsilon) * weight over each row",
    shape_form: SHAPE_FORM,
    classes: &[],
    kernels: KERNELS,
    parse: |text, dtype| parse(&RMS_NORM, NormKind::Rms, text, dtype),
    samples: |_| samples(NormKind::Rms),
};
/// Layer norm over rows.
pub(in crate::ops) static LAYER_NORM: Family = Family {
    name: "layer_norm",
    about: "y = (x - mean(x)) / sqrt(variance(x) + epsilon) * weight + bias over each row",
    shape_form: SHAPE_FORM,
    classes: &[],
    kernels: KERNELS,
    parse: |text, dtype| parse(&LAYER_NORM, NormKind::Layer, text, dtype),
    samples: |_| samples(NormKind::Layer),
};
