//! Loops in a driver's assembly: what their bodies hold.
//!
//! A loop is the text from a label to a jump back to it. The four dialects are those that Mesa's drivers show: Intel's
//! (`while(8) JIP: LABEL7`), AMD's (`s_cbranch_scc0 BB4`), Adreno's (`br p0.x, #l163`) and NVK's (`bra pT L3`).

/// Contents of the innermost loops of an assembly that multiply, and the spills of all loops.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Loops {
    /// Instructions of the innermost loops that hold multiply-adds; one that repeats counts as often.
    pub instructions: u64,
    /// Multiply-adds among them, of one invocation; two for each instruction on a pair of f16, none for matrix units.
    pub multiply_adds: u64,
    /// Instructions of all loops that spill registers to memory or fill them from it.
    pub spills: u64,
}

/// One line of an assembly.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Item<'a> {
    Label(&'a str),
    /// An instruction, with the label that it jumps to, if it jumps.
    Instruction(&'a str, Option<&'a str>),
}

/// The items of an assembly, in order. Comments, and the second lines of Intel's messages, join what they belong to.
fn items(assembly: &str) -> Vec<Item<'_>> {
    let is_intel = assembly.contains("align1");
    assembly
        .lines()
        .filter_map(|line| {
            let text = line.trim();
            if text.is_empty() || text.starts_with(['/', ';', '}']) {
                return None;
            }
            if let Some(label) = label(text) {
                return Some(Item::Label(label));
            }
            if is_intel && line.starts_with(' ') {
                return scratch(text).then_some(Item::Instruction(text, None));
            }
            Some(Item::Instruction(text, target(text)))
        })
        .collect()
}

/// The label that a line declares: `LABEL7:`, `BB4:`, `l163:`, or the name of NVK's `block.u 3 L3 [1, 2] -> {`.
fn label(text: &str) -> Option<&str> {
    if let Some(block) = text.strip_prefix("block") {
        return block.split_whitespace().find(|word| word.starts_with('L'));
    }
    let name = text.strip_suffix(':')?;
    (!name.contains(' ')).then_some(name)
}

/// The label that a jump names.
fn target(text: &str) -> Option<&str> {
    let mut words = text.split_whitespace();
    let first = words.next()?;
    if first.starts_with("while(") {
        return words.find(|word| word.starts_with("LABEL"));
    }
    if first.starts_with("s_branch") || first.starts_with("s_cbranch") {
        return words.next();
    }
    if matches!(
        without_flags(first),
        "br" | "jump" | "brao" | "braa" | "bany" | "ball" | "getone"
    ) {
        let name = words.next_back()?.strip_prefix('#')?;
        return Some(name);
    }
    let is_bra = first == "bra" || text.contains(" bra ");
    if is_bra {
        let code = text.split("//").next()?;
        return code.split_whitespace().rfind(|word| word.starts_with('L'));
    }
    None
}

/// Multiply-adds of one invocation in an instruction.
fn multiply_adds(text: &str) -> u64 {
    let mut words = text.split_whitespace();
    let first = words.next().unwrap_or_default();
    // A predicate may stand first on Intel.
    let is_intel_mad = text.contains("mad(") || text.contains("mac(");
    if is_intel_mad {
        let is_float = text.contains(">F ") || text.contains(">HF ");
        return u64::from(is_float);
    }
    if first.starts_with("v_") {
        // Two operations may share an instruction: `v_dual_fmac_f32 .. :: v_dual_fmac_f32 ..`.
        let single = [
            "v_fma_f",
            "v_fmac_f",
            "v_fma_mix",
            "v_mad_f",
            "v_mac_f",
            "v_dual_fma",
            "v_fmaak",
            "v_fmamk",
        ];
        let pair = text.matches("v_pk_fma_f").count();
        let single: usize = single.iter().map(|name| text.matches(name).count()).sum();
        return (single + 2 * pair) as u64;
    }
    if without_flags(first).starts_with("mad.f") {
        return 1 + repeats(first);
    }
    if text.contains("= ffma") {
        return 1;
    }
    if text.contains("= hfma2") {
        return 2;
    }
    0
}

/// The name of an instruction of Adreno behind what it waits for and how often it repeats: `(sy)(ss)(rpt1)mad.f32`.
fn without_flags(first: &str) -> &str {
    match first.rsplit_once(')') {
        Some((flags, name)) if flags.starts_with('(') => name,
        _ => first,
    }
}

/// Issues of an instruction: Adreno repeats `(rpt3)` three times. None for those that only wait: `nop`, and Intel's `sync`,
/// which its driver does not count either. Second lines of messages are items only where they spill.
fn issues(text: &str) -> u64 {
    let first = text.split_whitespace().next().unwrap_or_default();
    if text.contains("MsgDesc") || text.starts_with("sync") || without_flags(first) == "nop" {
        return 0;
    }
    1 + repeats(first)
}

/// Times that Adreno repeats an instruction: `(rpt3)` three times.
fn repeats(first: &str) -> u64 {
    let after = first.split("(rpt").nth(1);
    let count = after.and_then(|text| text.split(')').next());
    count.and_then(|text| text.parse().ok()).unwrap_or(0)
}

/// Whether an instruction moves a register to or from memory of its own.
fn scratch(text: &str) -> bool {
    let name = without_flags(text.split_whitespace().next().unwrap_or_default());
    // Intel: messages to the scratch surface, of the data port before Xe-HPG.
    text.contains(", ss )")
        || text.contains("DC OWORD block")
        || ["stp.", "ldp.", "scratch_"]
            .iter()
            .any(|prefix| name.starts_with(prefix))
        || text.contains(".local.")
}

/// Contents of the loops of `assembly`; `None` where no loop is recognised.
#[must_use]
pub(super) fn loops(assembly: &str) -> Option<Loops> {
    let items = items(assembly);
    let mut spans: Vec<(usize, usize)> = Vec::new();
    for (end, item) in items.iter().enumerate() {
        let Item::Instruction(_, Some(target)) = item else {
            continue;
        };
        let label = Item::Label(target);
        if let Some(start) = items[..end].iter().rposition(|item| *item == label) {
            spans.push((start, end));
        }
    }
    if spans.is_empty() {
        return None;
    }
    let instructions = |(start, end): (usize, usize)| {
        items[start..=end].iter().filter_map(|item| match item {
            Item::Instruction(text, _) => Some(*text),
            Item::Label(_) => None,
        })
    };
    let products = |span| instructions(span).map(multiply_adds).sum::<u64>();
    let is_innermost = |span: &(usize, usize)| {
        let inside =
            |other: &(usize, usize)| other != span && other.0 >= span.0 && other.1 <= span.1;
        !spans
            .iter()
            .any(|other| inside(other) && products(*other) > 0)
    };
    let mut found = Loops::default();
    for span in spans.iter().copied().filter(is_innermost) {
        let here = products(span);
        if here > 0 {
            found.multiply_adds += here;
            found.instructions += instructions(span).map(issues).sum::<u64>();
        }
    }
    let in_a_loop = |at: &usize| spans.iter().any(|(start, end)| (start..=end).contains(&at));
    found.spills = (0..items.len())
        .filter(in_a_loop)
        .filter(|at| matches!(items[*at], Item::Instruction(text, _) if scratch(text)))
        .count() as u64;
    Some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The form of each dialect, with a loop of two multiply-adds, one of them after a spill.
    #[test]
    fn loops_of_each_dialect_are_found() {
        let intel = "mov(8)          g1<1>F  g2<8,8,1>F { align1 1Q };\n\
            LABEL7:\n\
            mad(8)          g69<1>F        g1 g2 g3 { align1 1Q };\n\
            send(8)         g1UD g2UD nullUD 0x02 a0.2<0>UD\n                \
            ugm MsgDesc: ( store, a32, d32, V1, L1STATE_L3MOCS dst_len = 0, src0_len = 1, ss )  surface_state_index 0\n\
            mad(8)          g70<1>UD       0x0980UW { align1 1Q };\n\
            mad(8)          g70<1>F        g1 g2 g3 { align1 1Q };\n\
            while(8)        JIP:  LABEL7                                    { align1 1Q };\n";
        let amd = "BB0:\n\ts_branch BB4   ; bf\nBB6:\n\tv_fmac_f32_e32 v36, v21, v155  ; 56\n\
            \tscratch_store_b32 off, v1, s0 ; dc\n\tv_pk_fma_f16 v1, v2, v3, v1 ; cc\nBB4:\n\ts_cbranch_scc0 BB6  ; bf\nBB7:\n";
        let adreno = "l163:\n(sy)(ss)mad.f32 r4.y, r1.x, r4.y, r4.w\n(ss)stp.u32 p[r0.z], r6.y, 1\n(rpt2)nop\n(ss)(rpt1)mad.f16 hr1.x, hr2.x, hr3.x, hr1.x\n\
            (sy)jump #l163\nend\n";
        let nvk = "block.u 0 L2 [] -> {\n      r1  = s2r sr[0x25]  // delay=1\n}\nblock 1 L3 [0, 1] -> {\n\
            r18  = ffma.ftz r160 r176 r151 // delay=1\n  st.local.b32 [r1] r18 // delay=1\n  r2 = hfma2 r1 r2 r3 // d\n\
            bra pT L3  // delay=1\n}\n";
        for (text, instructions, multiply_adds) in
            [(intel, 5, 2), (amd, 4, 3), (adreno, 5, 3), (nvk, 4, 3)]
        {
            let expected = Loops {
                instructions,
                multiply_adds,
                spills: 1,
            };
            assert_eq!(loops(text), Some(expected), "{text}");
        }
    }

    #[test]
    fn a_jump_forward_is_no_loop() {
        assert_eq!(
            loops("BB0:\n\ts_cbranch_scc0 BB2 ; bf\nBB2:\n\ts_endpgm\n"),
            None
        );
        assert_eq!(loops(""), None);
    }
}
