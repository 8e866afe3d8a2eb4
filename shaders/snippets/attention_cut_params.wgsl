first_step: u32,      // where a loop over keys or blocks is cut: keys or blocks that earlier dispatches took
steps: u32,           // keys or blocks that this dispatch takes, a multiple of what the loop takes at a time
first_kept: u32,      // tile or workgroup whose sums come first in memory
kept: u32,            // tiles or workgroups whose sums are stored
