//! Compiles the interfaces of this crate with protox: no protoc is needed, nothing generated is kept.

use std::error::Error;

/// Messages that runtimes also show as JSON, in the form of Go's `encoding/json`. A field that is not known
/// is an error there: what is not carried would be lost.
const SHOWN_AS_JSON: &[&str] = &[
    "Capability",
    "CDIDevice",
    "ContainerConfig",
    "ContainerMetadata",
    "Device",
    "DNSConfig",
    "HugepageLimit",
    "IDMapping",
    "ImageSpec",
    "Int64Value",
    "KeyValue",
    "LinuxContainerConfig",
    "LinuxContainerResources",
    "LinuxContainerSecurityContext",
    "LinuxPodSandboxConfig",
    "LinuxSandboxSecurityContext",
    "Mount",
    "NamespaceOption",
    "PodSandboxConfig",
    "PodSandboxMetadata",
    "PortMapping",
    "SecurityProfile",
    "SELinuxOption",
    "UserNamespace",
];

/// Fields whose name in JSON is not the one that Rust gives them.
const NAMED_OTHERWISE: &[(&str, &str)] = &[
    ("ContainerConfig.CDI_devices", "CDI_devices"),
    ("Mount.uidMappings", "uidMappings"),
    ("Mount.gidMappings", "gidMappings"),
];

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=cri.proto");
    let files = protox::compile(["cri.proto"], ["."])?;
    let mut builder = tonic_prost_build::configure()
        .build_server(false)
        .build_transport(false)
        .btree_map(".")
        .emit_rerun_if_changed(false);
    for message in SHOWN_AS_JSON {
        let derive = "#[derive(serde::Deserialize)] #[serde(default, deny_unknown_fields)]";
        builder = builder.message_attribute(format!(".runtime.v1.{message}"), derive);
    }
    for (field, name) in NAMED_OTHERWISE {
        let rename = format!("#[serde(rename = \"{name}\")]");
        builder = builder.field_attribute(format!(".runtime.v1.{field}"), rename);
    }
    builder.compile_fds(files)?;
    Ok(())
}
