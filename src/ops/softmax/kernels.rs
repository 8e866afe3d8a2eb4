//! The kernels of softmax and the table line of the operation.

use super::{Causal, Softmax, SoftmaxForm, SoftmaxMask, Target, text};
use crate::data::Dtype;
use crate::kernel::{Kernel, Stage};
use crate::ops::{Family, Operation, rows::RowLayout};
use crate::shader::{Prepared, Shader};

static ROW_MAX: Shader = Shader {
    name: "softmax_row_max",
    wgsl: include_str!("../../../shaders/softmax_row_max.wgsl"),
};
static SUBTRACT: Shader = Shader {
    name: "softmax_subtract",
    wgsl: include_str!("../../../shaders/softmax_subtract.wgsl"),
};
static EXP: Shader = Shader {
    name: "softmax_exp",
    wgsl: include_str!("../../../shaders/softmax_exp.wgsl"),
};
static ROW_SUM: Shader = Shader {
    name: "softmax_row_sum",
    wgsl: include_str!("../../../shaders/softmax_row_sum.wgsl"),
};
static DIVIDE: Shader = Shader {
    name: "softmax_divide",
    wgsl: include_str!("../../../shaders/softmax_divide.wgsl"),
};
static ONLINE_SHADER: Shader = Shader {
    name: "softmax_online",
    wgsl: include_str!("../../../shaders/softmax_online.wgsl"),
};
static SPLIT_SUMS: Shader = Shader {
    name: "softmax_split_sums",
    wgsl: include_str!("../../../shaders/softmax_split_sums.wgsl"),
};
static SPLIT_SCALE: Shader = Shader {
    name: "softmax_split_scale",
    wgsl: include_str!("../../../shaders/softmax_split_scale.wgsl"),
};
static SPLIT_SUBGROUP_SUMS: Shader = Shader {
    name: "softmax_split_subgroup_sums",
    wgsl: include_str!("../../../shaders/softmax_split_subgroup_sums.wgsl"),
};
static SPLIT_SUBGROUP_SCALE: Shader = Shader {
    name: "softmax_split_subgroup_scale",
    wgsl: include_str!("../../../shaders/softmax_split_subgroup_scale.wgsl"),
};
static WALKED_SHADER: Shader = Shader {
    name: "softmax_walked",
    wgsl: include_str!("../../../shaders/softmax_walked.wgsl"),
};
static GROUPED_SHADER: Shader = Shader {
    name: "softmax_grouped",
    wgsl: include_str!("../../../shaders/softmax_grouped.wgsl"),
};
pub(in crate::ops) static WORKGROUP_SHADER: Shader = Shader {
    name: "softmax_workgroup",
    wgsl: include_str!("../../../shaders/softmax_workgroup.wgsl"),
};
static SUBGROUP_SHADER: Shader = Shader {
    name: "softmax_subgroup",
    wgsl: include_str!("../../../shaders/softmax_subgroup.wgsl"),
};

pub(super) static UNFUSED: Kernel = Kernel {
    dtypes: &[Dtype::F32],
    ..fused(
        "softmax_unfused",
        "five operations through memory: maximum, subtract, exp, sum, divide",
        &[
            Stage::of(&ROW_MAX),
            Stage::of(&SUBTRACT),
            Stage::of(&EXP),
            Stage::of(&ROW_SUM),
            Stage::of(&DIVIDE),
        ],
    )
};
pub(super) static ONLINE: Kernel = fused(
    "softmax_online",
    "a workgroup walks each row twice, maximum and sum in the first pass",
    &[Stage::of(&ONLINE_SHADER)],
);
pub(super) static SPLIT: Kernel = fused(
    "softmax_split",
    "many workgroups share each row, in two dispatches",
    &[Stage::of(&SPLIT_SUMS), Stage::of(&SPLIT_SCALE)],
);
pub(super) static SPLIT_SUBGROUP: Kernel = Kernel {
    features: wgpu::Features::SUBGROUP,
    ..fused(
        "softmax_split_subgroup",
        "many workgroups share each row, in two dispatches; subgroups merge",
        &[
            Stage::of(&SPLIT_SUBGROUP_SUMS),
            Stage::of(&SPLIT_SUBGROUP_SCALE),
        ],
    )
};
pub(super) static GROUPED: Kernel = fused(
    "softmax_grouped",
    "rows in registers of groups of invocations, read once",
    &[Stage::of(&GROUPED_SHADER)],
);
pub(in crate::ops) static WORKGROUP: Kernel = Kernel {
    features: wgpu::Features::SUBGROUP,
    ..fused(
        "softmax_workgroup",
        "each row in registers of a workgroup, read once; subgroups merge",
        &[Stage::of(&WORKGROUP_SHADER)],
    )
};
pub(super) static WALKED: Kernel = Kernel {
    features: wgpu::Features::SUBGROUP,
    ..fused(
        "softmax_walked",
        "rows one after the other in registers of a workgroup, the next one on its way; subgroups merge",
        &[Stage::of(&WALKED_SHADER)],
    )
};
pub(super) static SUBGROUP: Kernel = Kernel {
    features: wgpu::Features::SUBGROUP,
    ..fused(
        "softmax_subgroup",
        "each row in registers of a subgroup, read once",
        &[Stage::of(&SUBGROUP_SHADER)],
    )
};

const fn fused(name: &'static str, about: &'static str, stages: &'static [Stage]) -> Kernel {
    Kernel {
        name,
        about,
        stages,
        features: wgpu::Features::empty(),
        dtypes: &[Dtype::F32, Dtype::F16],
        presets: &[],
    }
}

/// Shapes around the kernels' widths and sizes; then every option, each with some other ones.
fn samples(_stages: &[Prepared]) -> Vec<Box<dyn Operation>> {
    let plain = [
        (0, 5),
        (5, 0),
        (1, 1),
        (3, 1),
        (2, 7),
        (127, 13),
        (1, 20_011),
        (1025, 3),
        (3, 255),
        (3, 256),
        (5, 260),
        (2, 4096),
    ];
    let mut found: Vec<Softmax> = plain.map(|(rows, cols)| Softmax::new(rows, cols)).into();
    let half = |rows, cols| Softmax {
        dtype: Dtype::F16,
        ..Softmax::new(rows, cols)
    };
    found.extend([
        half(3, 7),
        half(2, 1024),
        half(3, 264),
        Softmax {
            form: SoftmaxForm::Logarithms,
            mask: SoftmaxMask::Full,
            x: RowLayout {
                offset: 16,
                stride: Some(128),
            },
            scale: -0.4,
            ..half(6, 120)
        },
        Softmax {
            causal: Some(Causal {
                queries: 5,
                seen: 3,
            }),
            mask: SoftmaxMask::Broadcast,
            target: Target::InPlace,
            ..half(10, 200)
        },
        Softmax {
            x: RowLayout {
                offset: 3,
                stride: Some(70),
            },
            scale: 0.3,
            mask: SoftmaxMask::Full,
            ..half(5, 64)
        },
        Softmax {
            x: RowLayout {
                offset: 8,
                stride: Some(264),
            },
            y: RowLayout {
                offset: 0,
                stride: Some(256),
            },
            scale: -1.5,
            mask: SoftmaxMask::Broadcast,
            target: Target::Separate,
            ..Softmax::new(7, 256)
        },
        Softmax {
            causal: Some(Causal {
                queries: 5,
                seen: 1,
            }),
            target: Target::InPlace,
            ..Softmax::new(10, 36)
        },
        Softmax {
            causal: Some(Causal {
                queries: 4,
                seen: 2,
            }),
            mask: SoftmaxMask::Broadcast,
            target: Target::InPlace,
            x: RowLayout {
                offset: 1,
                stride: Some(19),
            },
            ..half(8, 17)
        },
        Softmax {
            form: SoftmaxForm::Logarithms,
            mask: SoftmaxMask::Full,
            ..Softmax::new(4, 300)
        },
        Softmax {
            form: SoftmaxForm::Logarithms,
            ..half(4, 33)
        },
    ]);
    found
        .into_iter()
        .map(|softmax| -> Box<dyn Operation> { Box::new(softmax) })
        .collect()
}

/// Softmax over rows.
pub(in crate::ops) static SOFTMAX: Family = Family {
    name: "softmax",
    about: "y = exp(v - max(v)) / sum(exp(v - max(v))) over each row, v = scale * x + mask",
    shape_form: "ROWSxCOLS, such as 4096x4096, then any of +mask, +broadcast, +causal, +log, +inplace",
    classes: &[],
    kernels: &[
        &UNFUSED,
        &ONLINE,
        &SPLIT,
        &SPLIT_SUBGROUP,
        &GROUPED,
        &WORKGROUP,
        &WALKED,
        &SUBGROUP,
    ],
    parse: |text, dtype| text::parse(text, dtype),
    samples,
};
