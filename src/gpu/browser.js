// What wgpu leaves out of a browser's WebGPU: subgroups, and what the browser says of its adapter.

/** The adapter of the device that was requested last, for browsers whose devices do not name theirs. */
let last;

/** Calls `request`; a device that it requests has subgroups where its adapter has them. */
export function withSubgroups(request) {
  const prototype = GPUAdapter.prototype;
  const original = prototype.requestDevice;
  prototype.requestDevice = function (descriptor = {}) {
    last = this;
    const features = [...(descriptor.requiredFeatures ?? [])];
    if (this.features.has("subgroups")) features.push("subgroups");
    return original.call(this, { ...descriptor, requiredFeatures: features });
  };
  try {
    request();
  } finally {
    prototype.requestDevice = original;
  }
}

/** Whether `device` has subgroups. */
export function hasSubgroups(device) {
  return device.features.has("subgroups");
}

/** What the browser says of the adapter behind `device`: each a text, empty where it says nothing. */
export function adapterOf(device) {
  const info = device.adapterInfo ?? last?.info ?? {};
  const said = ({ vendor, architecture, device, description }) => [vendor, architecture, device, description];
  return said(info).map((text) => text ?? "");
}

/** Name and version of the browser. */
export function browser() {
  const brands = navigator.userAgentData?.brands ?? [];
  const brand = brands.find(({ brand }) => /Chrome|Edge|Opera/.test(brand)) ?? brands.find(({ brand }) => brand === "Chromium");
  const agent = navigator.userAgent ?? "";
  const version = (pattern) => agent.match(pattern)?.[1];
  // A brand has its main version alone; the agent's text may have more.
  if (brand) return [brand.brand, version(/Chrome\/([\d.]+)/) ?? brand.version];
  const firefox = version(/Firefox\/([\d.]+)/);
  if (firefox) return ["Firefox", firefox];
  const safari = version(/Version\/([\d.]+).* Safari/);
  if (safari) return ["Safari", safari];
  const chrome = version(/Chrome\/([\d.]+)/);
  return chrome ? ["Chrome", chrome] : ["", ""];
}
