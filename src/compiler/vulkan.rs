//! A Vulkan device of its own on which nothing runs: pipelines are compiled, and the driver is asked about them.
//!
//! wgpu does not ask a driver for statistics, and its pipelines cannot be asked afterwards. The same text is compiled a
//! second time, with the flags that wgpu sets.

use super::compiled::Compiled;
use super::{loops, spirv};
use crate::error::{Error, Result};
use crate::report::AdapterSummary;
use crate::shader::{Access, Checks, Prepared};
use ash::vk;
use std::collections::BTreeSet;
use std::ffi::{CStr, CString};
use std::time::Instant;

/// A device that compiles, with the instance that found it.
pub(super) struct Device {
    /// Keeps the loader's library open while the handles below are used.
    _entry: ash::Entry,
    instance: ash::Instance,
    raw: ash::Device,
    statistics: ash::khr::pipeline_executable_properties::Device,
    /// Whether a pipeline's subgroups may have any size of the device's range, as wgpu allows.
    has_size_control: bool,
    version: (u8, u8),
}

/// The error of a call that failed.
fn failed(what: &str, error: vk::Result) -> Error {
    Error::Gpu {
        what: what.to_owned(),
        message: error.to_string(),
    }
}

fn unknown(reason: &str) -> Error {
    Error::Unsupported {
        what: "compiler statistics".to_owned(),
        reason: reason.to_owned(),
    }
}

const STATISTICS: &CStr = ash::khr::pipeline_executable_properties::NAME;
const MATRICES: &CStr = ash::khr::cooperative_matrix::NAME;

impl Device {
    /// Opens the Vulkan device of `adapter`, by its ids.
    ///
    /// # Errors
    /// [`Error::Unsupported`] where there is no Vulkan, no such device, or no statistics; [`Error::Gpu`] where a call fails.
    pub(super) fn open(adapter: &AdapterSummary) -> Result<Self> {
        // SAFETY: the loader's library is trusted as wgpu trusts it, and outlives the entry that keeps it.
        let entry = unsafe { ash::Entry::load() };
        let entry = entry.map_err(|_| unknown("there is no Vulkan loader on this machine"))?;
        let application = vk::ApplicationInfo::default().api_version(vk::API_VERSION_1_3);
        let create = vk::InstanceCreateInfo::default().application_info(&application);
        // SAFETY: `create` and what it points to are alive during the call.
        let instance = unsafe { entry.create_instance(&create, None) };
        let instance = instance.map_err(|e| failed("create a Vulkan instance", e))?;
        match Self::on(&instance, adapter) {
            Ok((raw, has_size_control, version)) => Ok(Self {
                statistics: ash::khr::pipeline_executable_properties::Device::new(&instance, &raw),
                _entry: entry,
                instance,
                raw,
                has_size_control,
                version,
            }),
            Err(error) => {
                // SAFETY: nothing that was made from the instance is left.
                unsafe { instance.destroy_instance(None) };
                Err(error)
            }
        }
    }

    /// The device of `adapter` with every feature that kernels use and it has; whether subgroup sizes can vary; the version of
    /// SPIR-V that wgpu gives it.
    fn on(
        instance: &ash::Instance,
        adapter: &AdapterSummary,
    ) -> Result<(ash::Device, bool, (u8, u8))> {
        // SAFETY: the instance is alive.
        let found = unsafe { instance.enumerate_physical_devices() };
        let found = found.map_err(|e| failed("list Vulkan devices", e))?;
        // SAFETY: handles come from this instance.
        let properties = |device| unsafe { instance.get_physical_device_properties(device) };
        let is_wanted = |device: &vk::PhysicalDevice| {
            let ids = properties(*device);
            (ids.vendor_id, ids.device_id) == (adapter.vendor_id, adapter.device_id)
        };
        let device = found.into_iter().find(is_wanted);
        let device = device.ok_or_else(|| unknown("Vulkan does not list the adapter"))?;
        let properties = properties(device);
        // SAFETY: the handle comes from this instance.
        let listed = unsafe { instance.enumerate_device_extension_properties(device) };
        let listed: BTreeSet<CString> = listed
            .map_err(|e| failed("list extensions", e))?
            .iter()
            .filter_map(|extension| extension.extension_name_as_c_str().ok())
            .map(CStr::to_owned)
            .collect();
        if !listed.contains(STATISTICS) {
            return Err(unknown(
                "the driver has no VK_KHR_pipeline_executable_properties",
            ));
        }
        let has_matrices = listed.contains(MATRICES);
        let mut statistics = vk::PhysicalDevicePipelineExecutablePropertiesFeaturesKHR::default();
        let mut matrices = vk::PhysicalDeviceCooperativeMatrixFeaturesKHR::default();
        let mut v11 = vk::PhysicalDeviceVulkan11Features::default();
        let mut v12 = vk::PhysicalDeviceVulkan12Features::default();
        let mut v13 = vk::PhysicalDeviceVulkan13Features::default();
        let mut all = vk::PhysicalDeviceFeatures2::default()
            .push_next(&mut statistics)
            .push_next(&mut v11)
            .push_next(&mut v12);
        let is_13 = properties.api_version >= vk::API_VERSION_1_3;
        if is_13 {
            all = all.push_next(&mut v13);
        }
        if has_matrices {
            all = all.push_next(&mut matrices);
        }
        // SAFETY: the handle comes from this instance, and each structure belongs to the version or extension just checked.
        unsafe { instance.get_physical_device_features2(device, &mut all) };
        let core = all.features;
        let wanted = vk::PhysicalDeviceFeatures {
            shader_int16: core.shader_int16,
            ..Default::default()
        };
        let mut v11 = vk::PhysicalDeviceVulkan11Features {
            storage_buffer16_bit_access: v11.storage_buffer16_bit_access,
            uniform_and_storage_buffer16_bit_access: v11.uniform_and_storage_buffer16_bit_access,
            storage_input_output16: v11.storage_input_output16,
            ..Default::default()
        };
        let mut v12 = vk::PhysicalDeviceVulkan12Features {
            shader_float16: v12.shader_float16,
            vulkan_memory_model: v12.vulkan_memory_model,
            vulkan_memory_model_device_scope: v12.vulkan_memory_model_device_scope,
            shader_subgroup_extended_types: v12.shader_subgroup_extended_types,
            ..Default::default()
        };
        let has_size_control = v13.subgroup_size_control != 0;
        let mut v13 = vk::PhysicalDeviceVulkan13Features {
            subgroup_size_control: v13.subgroup_size_control,
            shader_integer_dot_product: v13.shader_integer_dot_product,
            shader_zero_initialize_workgroup_memory: v13.shader_zero_initialize_workgroup_memory,
            maintenance4: v13.maintenance4,
            ..Default::default()
        };
        let mut statistics = vk::PhysicalDevicePipelineExecutablePropertiesFeaturesKHR {
            pipeline_executable_info: statistics.pipeline_executable_info,
            ..Default::default()
        };
        let mut matrices = vk::PhysicalDeviceCooperativeMatrixFeaturesKHR {
            cooperative_matrix: matrices.cooperative_matrix,
            ..Default::default()
        };
        let mut names = vec![STATISTICS.as_ptr()];
        let queues = [vk::DeviceQueueCreateInfo::default()
            .queue_family_index(0)
            .queue_priorities(&[1.0])];
        let mut create = vk::DeviceCreateInfo::default()
            .queue_create_infos(&queues)
            .enabled_features(&wanted)
            .push_next(&mut statistics)
            .push_next(&mut v11)
            .push_next(&mut v12);
        if is_13 {
            create = create.push_next(&mut v13);
        }
        if has_matrices {
            names.push(MATRICES.as_ptr());
            create = create.push_next(&mut matrices);
        }
        create = create.enabled_extension_names(&names);
        // SAFETY: every feature and extension that is asked for was listed, and `create` points to what lives here.
        let raw = unsafe { instance.create_device(device, &create, None) };
        let raw = raw.map_err(|e| failed("create a Vulkan device", e))?;
        let version = match properties.api_version {
            v if v >= vk::API_VERSION_1_3 => (1, 6),
            v if v >= vk::API_VERSION_1_2 => (1, 5),
            _ => (1, 3),
        };
        Ok((raw, has_size_control, version))
    }

    /// Compiles `prepared` as wgpu would, and asks the driver what came of it.
    ///
    /// # Errors
    /// [`Error::Shader`] for a text that naga refuses; [`Error::Gpu`] where the driver does not compile it.
    pub(super) fn compile(&self, prepared: &Prepared, checks: Checks) -> Result<Compiled> {
        let words = spirv::words(prepared, checks, self.version)?;
        let mut made = Made::of(&self.raw);
        let what = format!("compile shaders/{}.wgsl", prepared.name);
        let error = |e| failed(&what, e);
        let create = vk::ShaderModuleCreateInfo::default().code(&words);
        // SAFETY: naga wrote and validated the words; the device is alive, here and in every call below.
        made.module = unsafe { self.raw.create_shader_module(&create, None) }.map_err(error)?;
        let bindings: Vec<_> = prepared
            .bindings
            .iter()
            .map(|binding| {
                vk::DescriptorSetLayoutBinding::default()
                    .binding(binding.index)
                    .descriptor_count(1)
                    .stage_flags(vk::ShaderStageFlags::COMPUTE)
                    .descriptor_type(match binding.access {
                        Access::Uniform => vk::DescriptorType::UNIFORM_BUFFER,
                        Access::Read | Access::ReadWrite => vk::DescriptorType::STORAGE_BUFFER,
                    })
            })
            .collect();
        let create = vk::DescriptorSetLayoutCreateInfo::default().bindings(&bindings);
        // SAFETY: `create` points to bindings that are alive.
        made.set =
            unsafe { self.raw.create_descriptor_set_layout(&create, None) }.map_err(error)?;
        let sets = [made.set];
        let create = vk::PipelineLayoutCreateInfo::default().set_layouts(&sets);
        // SAFETY: the set layout was made by this device.
        made.layout = unsafe { self.raw.create_pipeline_layout(&create, None) }.map_err(error)?;
        let name = CString::new(prepared.name).expect("names of files have no zero");
        let mut stage = vk::PipelineShaderStageCreateInfo::default()
            .stage(vk::ShaderStageFlags::COMPUTE)
            .module(made.module)
            .name(&name);
        if self.has_size_control {
            stage = stage.flags(vk::PipelineShaderStageCreateFlags::ALLOW_VARYING_SUBGROUP_SIZE);
        }
        let flags = vk::PipelineCreateFlags::CAPTURE_STATISTICS_KHR
            | vk::PipelineCreateFlags::CAPTURE_INTERNAL_REPRESENTATIONS_KHR;
        let create = [vk::ComputePipelineCreateInfo::default()
            .flags(flags)
            .stage(stage)
            .layout(made.layout)];
        let start = Instant::now();
        // SAFETY: module and layout were made by this device and agree in their bindings.
        let pipelines = unsafe {
            self.raw
                .create_compute_pipelines(vk::PipelineCache::null(), &create, None)
        };
        let seconds = start.elapsed().as_secs_f64();
        made.pipeline = pipelines.map_err(|(_, e)| error(e))?[0];
        let info = vk::PipelineInfoKHR::default().pipeline(made.pipeline);
        // SAFETY: the pipeline was made with statistics captured.
        let executables = unsafe { self.statistics.get_pipeline_executable_properties(&info) };
        // Drivers that compile several widths keep the widest that is used last.
        let executables = executables.map_err(error)?;
        let last = executables.len().saturating_sub(1);
        let of = vk::PipelineExecutableInfoKHR::default()
            .pipeline(made.pipeline)
            .executable_index(last as u32);
        // SAFETY: the index is one that was listed.
        let found = unsafe { self.statistics.get_pipeline_executable_statistics(&of) };
        let figures = found.map_err(error)?.iter().map(figure).collect();
        let assembly = self.assembly(&of).map_err(error)?;
        Ok(Compiled {
            subgroup_size: executables.last().map_or(0, |e| e.subgroup_size),
            seconds,
            figures,
            loops: assembly.as_deref().and_then(loops::loops),
            assembly,
            spirv_hash: spirv::hash(&words),
        })
    }

    /// The last text that the driver has of an executable, which is nearest to the machine.
    fn assembly(
        &self,
        of: &vk::PipelineExecutableInfoKHR<'_>,
    ) -> Result<Option<String>, vk::Result> {
        let get = self
            .statistics
            .fp()
            .get_pipeline_executable_internal_representations_khr;
        let mut count = 0;
        // SAFETY: without an array, the call counts.
        unsafe { get(self.raw.handle(), of, &raw mut count, std::ptr::null_mut()) }.result()?;
        let mut texts =
            vec![vk::PipelineExecutableInternalRepresentationKHR::default(); count as usize];
        // SAFETY: the array has as many elements as were counted; without memory for texts, the call gives their sizes.
        unsafe { get(self.raw.handle(), of, &raw mut count, texts.as_mut_ptr()) }.result()?;
        let mut bytes: Vec<Vec<u8>> = texts.iter().map(|text| vec![0; text.data_size]).collect();
        for (text, bytes) in texts.iter_mut().zip(&mut bytes) {
            text.p_data = bytes.as_mut_ptr().cast();
        }
        // SAFETY: each element points to memory of the size that it says, which lives until the end of this function.
        unsafe { get(self.raw.handle(), of, &raw mut count, texts.as_mut_ptr()) }.result()?;
        let last = texts.iter().zip(bytes).rfind(|(text, _)| text.is_text != 0);
        Ok(last.map(|(_, bytes)| {
            String::from_utf8_lossy(&bytes)
                .trim_end_matches('\0')
                .to_owned()
        }))
    }
}

/// Name and value of one statistic.
fn figure(statistic: &vk::PipelineExecutableStatisticKHR<'_>) -> (String, f64) {
    let name = statistic.name_as_c_str().unwrap_or_default();
    // SAFETY: the format says which member of the union the driver wrote.
    let value = unsafe {
        match statistic.format {
            vk::PipelineExecutableStatisticFormatKHR::UINT64 => statistic.value.u64 as f64,
            vk::PipelineExecutableStatisticFormatKHR::INT64 => statistic.value.i64 as f64,
            vk::PipelineExecutableStatisticFormatKHR::FLOAT64 => statistic.value.f64,
            _ => f64::from(u8::from(statistic.value.b32 != 0)),
        }
    };
    (name.to_string_lossy().into_owned(), value)
}

impl Drop for Device {
    fn drop(&mut self) {
        // SAFETY: everything that was made from them is destroyed by now, in `Made`.
        unsafe {
            self.raw.destroy_device(None);
            self.instance.destroy_instance(None);
        }
    }
}

/// The objects of one compilation, destroyed when it ends, however it ends. Null handles are skipped by Vulkan.
struct Made<'a> {
    device: &'a ash::Device,
    module: vk::ShaderModule,
    set: vk::DescriptorSetLayout,
    layout: vk::PipelineLayout,
    pipeline: vk::Pipeline,
}

impl<'a> Made<'a> {
    fn of(device: &'a ash::Device) -> Self {
        Self {
            device,
            module: vk::ShaderModule::null(),
            set: vk::DescriptorSetLayout::null(),
            layout: vk::PipelineLayout::null(),
            pipeline: vk::Pipeline::null(),
        }
    }
}

impl Drop for Made<'_> {
    fn drop(&mut self) {
        // SAFETY: each handle is null or was made by this device, and nothing that runs uses it.
        unsafe {
            self.device.destroy_pipeline(self.pipeline, None);
            self.device.destroy_pipeline_layout(self.layout, None);
            self.device.destroy_descriptor_set_layout(self.set, None);
            self.device.destroy_shader_module(self.module, None);
        }
    }
}
