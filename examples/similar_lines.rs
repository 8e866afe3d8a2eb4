//! The two lines of a text file that are most alike: the library in thirty lines, on real data.
//!
//! Every line becomes a unit vector of its letter pairs; one matmul on the GPU compares all lines with all lines.
//!
//! ```text
//! cargo run --release --example similar_lines -- README.md
//! ```

use ridgepoint::{Gpu, GpuOptions, Matmul};

/// Letter pairs are hashed into this many components.
const PAIRS: usize = 256;

fn vector(line: &str) -> Vec<f32> {
    let mut counts = vec![0.0f32; PAIRS];
    for pair in line.to_lowercase().as_bytes().windows(2) {
        counts[(usize::from(pair[0]) * 31 + usize::from(pair[1])) % PAIRS] += 1.0;
    }
    let length = counts.iter().map(|c| c * c).sum::<f32>().sqrt().max(1.0);
    counts.iter().map(|c| c / length).collect()
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let path = std::env::args()
        .nth(1)
        .unwrap_or_else(|| "README.md".into());
    let text = std::fs::read_to_string(&path).map_err(|e| format!("{path}: {e}"))?;
    let lines: Vec<&str> = text.lines().filter(|line| line.trim().len() > 20).collect();
    let n = lines.len();

    let rows: Vec<f32> = lines.iter().flat_map(|line| vector(line)).collect();
    let columns: Vec<f32> = (0..PAIRS * n)
        .map(|i| rows[i % n * PAIRS + i / n])
        .collect();
    let gpu = pollster::block_on(Gpu::open(&GpuOptions::from_env()?))?;
    let matmul = Matmul::new(n as u64, n as u64, PAIRS as u64);
    let likeness = pollster::block_on(gpu.run(&matmul, &[&rows, &columns]))?;

    let pairs = (0..n)
        .flat_map(|i| (i + 1..n).map(move |j| (i, j)))
        .filter(|&(i, j)| lines[i] != lines[j]);
    let Some((i, j)) =
        pairs.max_by(|a, b| likeness[a.0 * n + a.1].total_cmp(&likeness[b.0 * n + b.1]))
    else {
        return Err(
            format!("{path} has fewer than two different lines of more than 20 letters").into(),
        );
    };
    println!("{n} lines of {path} compared on {}", gpu.summary().name);
    println!(
        "likeness {:.3}:\n  {}\n  {}",
        likeness[i * n + j],
        lines[i].trim(),
        lines[j].trim()
    );
    Ok(())
}
