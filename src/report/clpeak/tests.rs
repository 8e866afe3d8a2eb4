use super::*;
use crate::report::Results;

fn read(text: &str) -> Result<RooflineReport, String> {
    match Results::read("clpeak.json", text.as_bytes()) {
        Ok(Results::Roofline(report)) => Ok(*report),
        Ok(Results::Run(_)) => panic!("a run"),
        Err(error) => Err(error.to_string()),
    }
}

const VERSION_3: &str = r#"{
  "schema": "clpeak/run", "format_version": 3, "clpeak_version": "3.0.0", "generated_at": "2026-01-02T03:04:05Z",
  "duration_s": 12.5,
  "host": {"os": "Linux x64", "os_version": "7.0", "cpu": "A CPU", "memory_bytes": 1000},
  "invocation": {"argv": ["./clpeak"], "target_time_us": 500000},
  "devices": [
    {"backend": "CPU", "platform": "CPU", "name": "A CPU", "type": "cpu", "tests": []},
    {"backend": "CUDA", "platform": "CUDA", "name": "Made Up 9000", "driver": "13", "type": "gpu", "tests": [
      {"id": "single_precision_compute", "quantity": "flops", "unit": "FLOPS", "metrics": [{"id": "float", "value": 9e13}]}]},
    {"backend": "Vulkan", "platform": "Vulkan", "name": "Made Up 9000", "driver": "1.2.3", "type": "gpu", "device_index": 0,
     "properties": [{"key": "VRAM", "value": "1 MB"}], "tests": [
      {"id": "single_precision_compute", "title": "t", "category": "compute", "shape": "homogeneous", "quantity": "flops",
       "unit": "FLOPS", "metrics": [
         {"id": "float", "value": 5.0e13}, {"id": "float2", "value": 6.0e13, "description": "d"}, {"id": "float4", "value": 5.5e13}]},
      {"id": "half_precision_compute", "quantity": "flops", "unit": "FLOPS", "metrics": [
         {"id": "half", "status": "unsupported", "reason": "No half"}]},
      {"id": "double_precision_compute", "quantity": "flops", "unit": "FLOPS", "metrics": [{"id": "double", "value": 1e12}]},
      {"id": "coopmat", "quantity": "flops", "unit": "FLOPS", "metrics": [
         {"id": "fp16 f16acc", "value": 9e14}, {"id": "fp16", "value": 5.0e14},
         {"id": "int8", "value": 1e15, "unit": "OPS", "quantity": "ops"}]},
      {"id": "global_memory_bandwidth", "quantity": "bytes_per_second", "unit": "GB/s", "scale": 1e9, "metrics": [
         {"id": "float4", "value": 4000}]},
      {"id": "kernel_launch_latency", "quantity": "seconds", "unit": "s", "metrics": [{"id": "dispatch", "value": 1e-6}]}]}
  ]
}"#;

#[test]
fn ceilings_are_the_best_width_of_one_device_and_say_whose_method_it_was() {
    let report = read(VERSION_3).unwrap();
    let ceilings = &report.ceilings;
    let ids: Vec<&str> = ceilings.iter().map(|c| c.id.as_str()).collect();
    assert_eq!(
        ids,
        [
            "compute/f32",
            "compute/f16",
            "compute/f16_matrix",
            "memory/read"
        ]
    );
    let values: Vec<_> = ceilings.iter().map(|c| c.value).collect();
    assert_eq!(values, [Some(6e13), None, Some(5e14), Some(4e12)]);
    assert_eq!(
        ceilings[0].shape.as_deref(),
        Some("clpeak's single_precision_compute by Vulkan, best vector width: float2")
    );
    assert_eq!(ceilings[0].counts, "a multiply-add is 2, as clpeak counts");
    assert_eq!(ceilings[1].status, Status::Unsupported);
    assert_eq!(ceilings[1].reason.as_deref(), Some("No half"));
    assert_eq!(ceilings[3].unit, "B/s");
    let (tool, adapter) = (&report.tool, &report.adapter);
    assert_eq!(
        (tool.name.as_str(), tool.version.as_str()),
        ("clpeak", "3.0.0")
    );
    assert_eq!(
        (adapter.name.as_str(), adapter.backend.as_str()),
        ("Made Up 9000", "vulkan")
    );
    assert_eq!(report.host.os, "Linux x64 7.0");
    let warnings: Vec<String> = report.warnings.iter().map(ToString::to_string).collect();
    assert!(
        warnings[0].ends_with("not shown: Made Up 9000 (CUDA), A CPU (CPU)"),
        "{warnings:?}"
    );
}

#[test]
fn a_roofline_of_clpeak_is_read_again_and_its_source_stays() {
    let first = Results::read("a", VERSION_3.as_bytes()).unwrap();
    assert_eq!(first.source(), "clpeak/run");
    let Results::Roofline(report) = &first else {
        panic!("a roofline")
    };
    let again = Results::read("b", report.to_json().as_bytes()).unwrap();
    assert_eq!((again.source(), again.id()), ("clpeak/run", first.id()));
    assert_eq!(again.ceilings(), first.ceilings());
}

#[test]
fn the_older_format_has_units_of_its_own() {
    let text = r#"{"format_version":2,"clpeak_version":"2.1.2","os":"Linux x64","devices":[
{"backend":"Vulkan","platform":"Vulkan","device":"Made Up 9000","driver":"1","props":[{"k":"VRAM","v":"1 MB"}]}
],"entries":[
{"backend":"OpenCL","platform":"P","device":"Made Up 9000","driver":"1","category":"fp_compute","test":"single_precision_compute","metric":"float","unit":"gflops","value":1.0},
{"backend":"Vulkan","platform":"Vulkan","device":"Made Up 9000","driver":"1","category":"fp_compute","test":"single_precision_compute","metric":"float","unit":"gflops","value":65200.5},
{"backend":"Vulkan","platform":"Vulkan","device":"Made Up 9000","driver":"1","category":"fp_compute","test":"coopmat_fp16","metric":"coopmat_fp16","unit":"tflops","value":572.0},
{"backend":"Vulkan","platform":"Vulkan","device":"Made Up 9000","driver":"1","category":"fp_compute","test":"coopmat_bf16","metric":"coopmat_bf16","unit":"tflops","value":999.0},
{"backend":"Vulkan","platform":"Vulkan","device":"Made Up 9000","driver":"1","category":"bandwidth","test":"global_memory_bandwidth","metric":"float4","unit":"gbps","value":4299.0},
{"backend":"Vulkan","platform":"Vulkan","device":"Made Up 9000","driver":"1","category":"latency","test":"kernel_launch_latency","metric":"roundtrip","unit":"us","value":9.5}
]}"#;
    let report = read(text).unwrap();
    let found: Vec<_> = report
        .ceilings
        .iter()
        .map(|c| (c.id.as_str(), c.value.unwrap()))
        .collect();
    assert_eq!(
        found,
        [
            ("compute/f32", 65_200.5e9),
            ("compute/f16_matrix", 572e12),
            ("memory/read", 4299e9)
        ]
    );
    assert_eq!(
        (report.host.os.as_str(), report.adapter.backend.as_str()),
        ("Linux x64", "vulkan")
    );
}

#[test]
fn other_files_are_refused() {
    for (text, words) in [
        (
            r#"{"format_version": 4, "clpeak_version": "9"}"#,
            "format 4; 2 and 3 are read",
        ),
        (
            r#"{"format_version": 3, "clpeak_version": "3"}"#,
            "without a device",
        ),
        (
            r#"{"schema": "clpeak/run", "format_version": 3}"#,
            "its schema is",
        ),
        (
            r#"{"schema": "other/1", "clpeak_version": "3"}"#,
            "its schema is",
        ),
        (
            r#"{"format_version": "x", "clpeak_version": "3"}"#,
            "invalid type",
        ),
        (r#"{"entries": []}"#, "it has no schema"),
    ] {
        let error = read(text).unwrap_err();
        assert!(error.contains(words), "{text}: {error}");
    }
}

#[test]
fn values_that_cannot_be_are_none() {
    for value in ["-1", "0", "1e308"] {
        let text = VERSION_3
            .replace("6.0e13", value)
            .replace("\"flops\"", "\"flops\", \"scale\": 1e9");
        let report = read(&text).unwrap();
        assert!(
            report
                .ceilings
                .iter()
                .all(|c| c.value.is_none_or(|v| v.is_finite() && v > 0.0))
        );
    }
}
