//! The Container Runtime Interface, `runtime.v1`: how the kubelet, and we, talk to containerd.
//!
//! The configurations of containers and pods can be read from JSON as well, as Go's `encoding/json`
//! writes them: runtimes show them so in verbose answers to `ContainerStatus` and `PodSandboxStatus`,
//! and it is the only way to learn how a container was made. A field that these messages do not have
//! is an error.

tonic::include_proto!("runtime.v1");

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Result<ContainerConfig, String> {
        serde_json::from_str(json).map_err(|error| error.to_string())
    }

    #[test]
    fn what_a_runtime_shows_is_read() {
        let config = read(
            r#"{"metadata":{"name":"checkout","attempt":3},"image":{"image":"shop:1"},
                "envs":[{"key":"A","value":"b"}],"labels":{"app":"checkout"},
                "mounts":[{"container_path":"/d","propagation":1,"uidMappings":[{"length":9}]}],
                "linux":{"resources":{"cpu_shares":2,"unified":{"memory.max":"7"}},
                    "security_context":{"namespace_options":{"network":2,"pid":1},
                        "run_as_user":{},"supplemental_groups":[-1],"seccomp":{"profile_type":1},
                        "selinux_options":{"type":"spc_t"}}},
                "CDI_devices":[{"name":"vendor.com/gpu=0"}],"stop_signal":10}"#,
        );
        let config = config.expect("every field is known");
        assert_eq!(
            config.metadata,
            Some(ContainerMetadata { name: "checkout".into(), attempt: 3 })
        );
        assert_eq!(config.mounts[0].uid_mappings[0].length, 9);
        assert_eq!(config.cdi_devices[0].name, "vendor.com/gpu=0");
        let context = config.linux.and_then(|linux| linux.security_context).expect("it is there");
        assert_eq!(context.run_as_user, Some(Int64Value { value: 0 }));
        let namespaces = context.namespace_options.expect("they are there");
        assert_eq!(namespaces.network(), NamespaceMode::Node);
        assert_eq!(config.stop_signal, 10);
    }

    #[test]
    fn what_is_not_known_is_an_error() {
        for (json, name) in [
            (r#"{"windows":{}}"#, "windows"),
            (r#"{"linux":{"resources":{"io_weight":1}}}"#, "io_weight"),
            (r#"{"mounts":[{"uid_mappings":[]}]}"#, "uid_mappings"),
            (r#"{"mounts":[{"propagation":"PROPAGATION_PRIVATE"}]}"#, "expected i32"),
        ] {
            let error = read(json).expect_err(name);
            assert!(error.contains(name), "{error}");
        }
        assert!(serde_json::from_str::<PodSandboxConfig>(r#"{"hostname":"a","new":1}"#).is_err());
    }
}
