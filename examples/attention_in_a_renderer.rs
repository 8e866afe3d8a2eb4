//! Attention inside a wgpu program that renders: both on the program's own device, recorded into one encoder.
//!
//! ```text
//! cargo run --release --example attention_in_a_renderer
//! ```
//!
//! Patches of an image attend to patches of the same shade, which takes noise out of them; a fragment shader draws what
//! comes out, from the buffer that attention wrote. The picture is printed in letters.

use pollster::block_on;
use ridgepoint::gpu::View;
use ridgepoint::{Attention, Dtype, Gpu, Plan, PlanOptions};

/// The picture has this many patches in a row; each is a query, a key and a value of 4 pixels.
const SIDE: u64 = 32;

const DRAW: &str = "
@group(0) @binding(0) var<storage, read> o: array<vec4<f32>>;
@vertex fn corner(@builtin(vertex_index) i: u32) -> @builtin(position) vec4<f32> {
    return vec4<f32>(f32(i % 2u) * 4.0 - 1.0, f32(i / 2u) * 4.0 - 1.0, 0.0, 1.0);
}
@fragment fn shade(@builtin(position) at: vec4<f32>) -> @location(0) vec4<f32> {
    let shades = o[u32(at.y) / 2u * 32u + u32(at.x) / 2u];
    return vec4<f32>(vec3<f32>(0.5 + shades[u32(at.y) % 2u * 2u + u32(at.x) % 2u]), 1.0);
}
";

/// The renderer's own pipeline, which reads what attention writes.
fn pipeline(device: &wgpu::Device, format: wgpu::TextureFormat) -> wgpu::RenderPipeline {
    let module = device.create_shader_module(wgpu::ShaderModuleDescriptor {
        label: None,
        source: wgpu::ShaderSource::Wgsl(DRAW.into()),
    });
    device.create_render_pipeline(&wgpu::RenderPipelineDescriptor {
        label: None,
        layout: None,
        vertex: wgpu::VertexState {
            module: &module,
            entry_point: None,
            compilation_options: wgpu::PipelineCompilationOptions::default(),
            buffers: &[],
        },
        fragment: Some(wgpu::FragmentState {
            module: &module,
            entry_point: None,
            compilation_options: wgpu::PipelineCompilationOptions::default(),
            targets: &[Some(format.into())],
        }),
        primitive: wgpu::PrimitiveState::default(),
        depth_stencil: None,
        multisample: wgpu::MultisampleState::default(),
        multiview_mask: None,
        cache: None,
    })
}

/// A picture of 64 x 64 that is rendered to and copied from.
fn target(device: &wgpu::Device, format: wgpu::TextureFormat) -> wgpu::Texture {
    device.create_texture(&wgpu::TextureDescriptor {
        label: None,
        size: wgpu::Extent3d {
            width: 64,
            height: 64,
            depth_or_array_layers: 1,
        },
        mip_level_count: 1,
        sample_count: 1,
        dimension: wgpu::TextureDimension::D2,
        format,
        usage: wgpu::TextureUsages::RENDER_ATTACHMENT | wgpu::TextureUsages::COPY_SRC,
        view_formats: &[],
    })
}

/// Draws one triangle over all of `target`.
fn draw(
    encoder: &mut wgpu::CommandEncoder,
    target: &wgpu::Texture,
    pipeline: &wgpu::RenderPipeline,
    group: &wgpu::BindGroup,
) {
    let view = target.create_view(&wgpu::TextureViewDescriptor::default());
    let mut pass = encoder.begin_render_pass(&wgpu::RenderPassDescriptor {
        color_attachments: &[Some(wgpu::RenderPassColorAttachment {
            view: &view,
            depth_slice: None,
            resolve_target: None,
            ops: wgpu::Operations::default(),
        })],
        ..Default::default()
    });
    pass.set_pipeline(pipeline);
    pass.set_bind_group(0, group, &[]);
    pass.draw(0..3, 0..1);
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    // A renderer's own device.
    let instance =
        wgpu::Instance::new(wgpu::InstanceDescriptor::new_without_display_handle_from_env());
    let adapter = block_on(instance.request_adapter(&wgpu::RequestAdapterOptions::default()))?;
    let matrix_units = wgpu::Features::EXPERIMENTAL_COOPERATIVE_MATRIX;
    let descriptor = wgpu::DeviceDescriptor {
        required_features: Gpu::wanted_features(&adapter) - matrix_units,
        required_limits: Gpu::wanted_limits(&adapter),
        ..Default::default()
    };
    let (device, queue) = block_on(adapter.request_device(&descriptor))?;

    // The library on it: planned and bound once, recorded in every frame.
    let gpu = Gpu::from_wgpu(&adapter, device.clone(), queue.clone());
    let attention = Attention {
        scale: Some(8.0),
        ..Attention::new(1, 1, SIDE * SIDE, 4)
    };
    let plan = block_on(Plan::new(&gpu, &attention, &PlanOptions::default()))?;
    let noisy = block_on(gpu.upload("noisy", &picture(), Dtype::F32))?;
    let clean = block_on(gpu.create_storage("clean", SIDE * SIDE * 16))?;
    let [q, k, v] = [View::whole(&noisy, Dtype::F32); 3];
    let launch = plan.bind(&[q, k, v, View::whole(&clean, Dtype::F32)])?;

    let format = wgpu::TextureFormat::Rgba8Unorm;
    let (pipeline, target) = (pipeline(&device, format), target(&device, format));
    let group = device.create_bind_group(&wgpu::BindGroupDescriptor {
        label: None,
        layout: &pipeline.get_bind_group_layout(0),
        entries: &[wgpu::BindGroupEntry {
            binding: 0,
            resource: clean.as_entire_binding(),
        }],
    });
    let pixels = device.create_buffer(&wgpu::BufferDescriptor {
        label: None,
        size: 64 * 64 * 4,
        usage: wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST,
        mapped_at_creation: false,
    });

    // A frame: attention, then the picture of it, in one submission.
    let mut encoder = device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
    launch.record(&mut encoder);
    draw(&mut encoder, &target, &pipeline, &group);
    let layout = wgpu::TexelCopyBufferLayout {
        offset: 0,
        bytes_per_row: Some(256),
        rows_per_image: None,
    };
    let to = wgpu::TexelCopyBufferInfo {
        buffer: &pixels,
        layout,
    };
    encoder.copy_texture_to_buffer(target.as_image_copy(), to, target.size());
    queue.submit([encoder.finish()]);

    pixels.map_async(wgpu::MapMode::Read, .., |mapped| {
        mapped.expect("the picture is there");
    });
    device.poll(wgpu::PollType::wait_indefinitely())?;
    let pixels = pixels.get_mapped_range(..)?;
    println!("{} on {}:", plan.kernel().name, gpu.summary().name);
    for row in pixels.chunks(256).step_by(2) {
        let letter = |pixel: &[u8]| char::from(b" .:-=+*#%@"[usize::from(pixel[0]) * 10 / 256]);
        println!("{}", row.chunks(4).map(letter).collect::<String>());
    }
    Ok(())
}

/// A bright disc with a dark bar, in noise, patch by patch: four pixels of each, one behind the other, from -0.5 to 0.5.
fn picture() -> Vec<f32> {
    let mut state = 1u32;
    let mut noise = move || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / (1 << 24) as f32 - 0.5
    };
    let mut values = Vec::new();
    for patch in 0..SIDE * SIDE {
        for pixel in 0..4 {
            let x = (patch % SIDE * 2 + pixel % 2) as f32 - 31.5;
            let y = (patch / SIDE * 2 + pixel / 2) as f32 - 31.5;
            let is_in = x.hypot(y) < 22.0 && !(x.abs() < 18.0 && y.abs() < 5.0);
            values.push(if is_in { 0.35 } else { -0.35 } + 0.3 * noise());
        }
    }
    values
}
