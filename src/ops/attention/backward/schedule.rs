//! The dispatches of the backward: what rows share, then the gradients of keys and of queries.

use super::AttentionBackward;
use crate::error::Result;
use crate::gpu::{AdapterKind, Capabilities};
use crate::kernel::{Schedule, Slot, Step, Window, fold_workgroups};
use crate::ops::Operation;
use crate::ops::attention::params::Params;
use crate::shader::Prepared;

/// Bytes of a pair of numbers.
const ROW_BYTES: u64 = 8;
/// An array of vec4 is never bound shorter.
const UNUSED_BYTES: u64 = 16;

pub(super) fn schedule(
    backward: &AttentionBackward,
    stages: &[&Prepared],
    device: &Capabilities,
) -> Result<Schedule> {
    let forward = &backward.forward;
    let rows = rows(backward);
    let groups = |stage: usize, heads: u64, seq: u64| {
        forward.batch * heads * seq.div_ceil(u64::from(stages[stage].constant("TILE")))
    };
    let workgroups = [
        rows.div_ceil(u64::from(stages[0].constant("ROWS"))),
        groups(1, forward.kv_heads, forward.seq_kv),
        groups(2, forward.heads, forward.seq_q),
    ];
    let mut steps = Vec::new();
    for (stage, windows) in windows(backward).into_iter().enumerate() {
        // The first stage is short; the others share the FLOPs about evenly.
        let parts = match stage {
            0 => 1,
            _ => backward.flops().div_ceil(most_flops(device.kind)).max(1),
        };
        let each = (workgroups[stage] / parts).max(1);
        for first in (0..workgroups[stage]).step_by(each as usize) {
            let params = Params {
                first: first as u32,
                ..forward.params(std::f64::consts::LOG2_E)
            };
            let count = each.min(workgroups[stage] - first);
            steps.push(Step {
                stage,
                params: bytemuck::bytes_of(&params).to_vec(),
                windows: windows.clone(),
                workgroups: fold_workgroups(count, &device.limits)?,
            });
        }
    }
    Ok(Schedule {
        steps,
        scratch: vec![rows * ROW_BYTES, UNUSED_BYTES],
    })
}

/// Entries of the buffer between the stages: a logarithm and a delta for each row, the lengths of each sequence.
fn rows(backward: &AttentionBackward) -> u64 {
    backward.forward.all_heads() * backward.forward.seq_q + backward.forward.batch
}

/// What each stage binds.
fn windows(backward: &AttentionBackward) -> [Vec<Window>; 3] {
    let window = |name| operand(backward, name);
    // An operand that is not there is not read; what stands for it must be nothing that is written.
    let or_q = |name| {
        let found = window(name);
        if found.bytes > 0 { found } else { window("q") }
    };
    let rows = Window::whole(Slot::Scratch(0), rows(backward) * ROW_BYTES);
    // No dV comes with dQ. What is bound for it has to be a buffer of its own, since it could be written.
    let unused = Window::whole(Slot::Scratch(1), UNUSED_BYTES);
    let [o, d_o, lse] = ["o", "d_o", "lse"].map(window);
    let [q, k, v] = ["q", "k", "v"].map(window);
    let [d_q, d_k, d_v] = ["d_q", "d_k", "d_v"].map(window);
    let bias = or_q("bias");
    [
        vec![o, d_o, lse, or_q("lengths"), rows],
        vec![q, k, v, d_o, rows, bias, d_k, d_v],
        vec![q, k, v, d_o, rows, bias, d_q, unused],
    ]
}

/// FLOPs that a slow adapter of a kind does in a tenth of a second: what a dispatch is given, so that no watchdog ends it.
/// A workgroup is the least.
fn most_flops(kind: AdapterKind) -> u64 {
    match kind {
        AdapterKind::Discrete => 100_000_000_000,
        AdapterKind::Software | AdapterKind::Noop => 200_000_000,
        AdapterKind::Integrated | AdapterKind::Virtual | AdapterKind::Other => 10_000_000_000,
    }
}

/// All of the operand `name`; nothing where the backward has none.
fn operand(backward: &AttentionBackward, name: &str) -> Window {
    match backward.operand(name) {
        None => Window::whole(Slot::Operand(0), 0),
        Some((place, operand)) => Window::whole(
            Slot::Operand(place),
            operand.elements * operand.dtype.bytes(),
        ),
    }
}
