//! Times of kernels after rests of the device: they show whether its figures depend on how long it was idle before.
//!
//! ```text
//! cargo run --release --example idle_clock -- matmul:8192x16x8192:f16 softmax:4096x4096 rest=0,1500,4000 rounds=4
//! ```
//!
//! Each kernel that the library chooses is timed as the tuner screens, after each of the rests in milliseconds, in turn;
//! operands are new in every round. The last column is the median over the median without rest.

use pollster::block_on;
use ridgepoint::bench::{GpuClock, OperandBuffers, measure};
use ridgepoint::ops::family;
use ridgepoint::report::{Sampling, Summary};
use ridgepoint::units::{format_percent, format_seconds};
use ridgepoint::{Dtype, Error, Gpu, GpuOptions, Operation, Plan, PlanOptions, Result};
use std::time::{Duration, Instant};

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let Err(error) = block_on(compare(&arguments)) {
        eprintln!("{error}");
        std::process::exit(2);
    }
}

/// The arguments: operations to time, rests before each timing, and rounds.
struct Wanted {
    operations: Vec<Box<dyn Operation>>,
    rests: Vec<Duration>,
    rounds: usize,
}

impl Wanted {
    fn of(arguments: &[String]) -> Result<Self> {
        let refused = |text: &str| Error::NothingToRun {
            reason: format!(
                "{text:?} is no OPERATION:SHAPE[:f16], rest=MS,MS,... or rounds=N; try matmul:1024x1024x1024"
            ),
        };
        let mut wanted = Self {
            operations: Vec::new(),
            rests: [0, 1500, 4000].map(Duration::from_millis).to_vec(),
            rounds: 4,
        };
        for argument in arguments {
            if let Some(rests) = argument.strip_prefix("rest=") {
                let rests: Option<Vec<u64>> = rests.split(',').map(|ms| ms.parse().ok()).collect();
                let rests = rests.ok_or_else(|| refused(argument))?;
                wanted.rests = rests.into_iter().map(Duration::from_millis).collect();
            } else if let Some(rounds) = argument.strip_prefix("rounds=") {
                wanted.rounds = rounds.parse().map_err(|_| refused(argument))?;
            } else {
                let mut parts = argument.split(':');
                let name = parts.next().unwrap_or_default();
                let shape = parts.next().ok_or_else(|| refused(argument))?;
                let dtype = match parts.next() {
                    Some("f16") => Dtype::F16,
                    None => Dtype::F32,
                    Some(_) => return Err(refused(argument)),
                };
                wanted.operations.push((family(name)?.parse)(shape, dtype)?);
            }
        }
        if wanted.operations.is_empty() {
            return Err(refused(""));
        }
        Ok(wanted)
    }
}

async fn compare(arguments: &[String]) -> Result<()> {
    let wanted = Wanted::of(arguments)?;
    let gpu = Gpu::open(&GpuOptions::from_env()?).await?;
    println!("# {}", gpu.summary().describe());
    for operation in &wanted.operations {
        let operation = operation.as_ref();
        let plan = Plan::new(&gpu, operation, &PlanOptions::default()).await?;
        println!("{} {}", plan.kernel().name, operation.label());
        let mut medians = vec![Vec::new(); wanted.rests.len()];
        let mut lines = vec![String::new(); wanted.rests.len()];
        for _ in 0..wanted.rounds {
            for (place, rest) in wanted.rests.iter().enumerate() {
                let space = OperandBuffers::new(&gpu, operation, 1).await?;
                let (median, line) = timed(&gpu, &plan, &space, *rest).await?;
                medians[place].push(median);
                lines[place] += &line;
            }
        }
        let medians = medians.iter().filter_map(|all| Summary::new(all));
        let medians: Vec<f64> = medians.map(|summary| summary.median).collect();
        for ((rest, line), median) in wanted.rests.iter().zip(&lines).zip(&medians) {
            let over = median / medians[0] - 1.0;
            println!(
                "  rest {:>5} ms:{line}  {:+.2} %",
                rest.as_millis(),
                over * 100.0
            );
        }
    }
    Ok(())
}

/// The median after a rest, and how it is shown: with its spread, the time that waking took, and a mark.
async fn timed(
    gpu: &Gpu,
    plan: &Plan,
    space: &OperandBuffers,
    rest: Duration,
) -> Result<(f64, String)> {
    let launch = plan.bind(&space.views())?;
    // Short, as the tuner screens: no warm-up that would hide a rest.
    let sampling = Sampling {
        warm_up: Duration::from_millis(60),
        warm_up_max: Duration::from_millis(150),
        min_samples: 8,
        min_time: Duration::from_millis(40),
        max_time: Duration::from_millis(400),
        ..Sampling::default()
    };
    std::thread::sleep(rest);
    let began = Instant::now();
    let mut clock = GpuClock::new(gpu, &launch).await?;
    let measured = measure(&mut clock, &sampling, &|| false).await?;
    let lasted = began.elapsed().as_secs_f64();
    let marks = if measured.drift_marks().is_empty() {
        ""
    } else {
        " clock drift"
    };
    let time = measured.time.ok_or_else(|| Error::NothingToRun {
        reason: measured.reason.unwrap_or_default(),
    })?;
    let text = format!(
        " {} +-{} in {}{marks};",
        format_seconds(time.median),
        format_percent(time.relative_iqr()),
        format_seconds(lasted)
    );
    Ok((time.median, text))
}
