// swift-tools-version: 6.1
import PackageDescription

/// Dependencies between our own targets point upwards in this list only.
let package = Package(
    name: "MedMoE",
    products: [.executable(name: "medmoe", targets: ["medmoe"])],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-crypto", from: "4.5.2"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/HdrHistogram/hdrhistogram-swift", from: "0.2.0"),
        .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
    ],
    targets: [
        // System libraries. oneDNN ships no pkg-config file in Debian and the one of libzmq has flags that SwiftPM refuses:
        // their module maps name the library.
        .systemLibrary(name: "CZeroMQ", providers: [.apt(["libzmq3-dev"])]),
        .systemLibrary(name: "COpenBLAS", pkgConfig: "openblas", providers: [.apt(["libopenblas-dev"])]),
        .systemLibrary(name: "COneDNN", providers: [.apt(["libdnnl-dev"])]),
        .systemLibrary(name: "CProtobufC", pkgConfig: "libprotobuf-c", providers: [.apt(["libprotobuf-c-dev"])]),
        .systemLibrary(name: "CTurboJPEG", pkgConfig: "libturbojpeg", providers: [.apt(["libturbojpeg0-dev"])]),
        .systemLibrary(name: "CSpng", pkgConfig: "spng", providers: [.apt(["libspng-dev"])]),
        .systemLibrary(name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),

        .target(name: "CKernels", cSettings: [.unsafeFlags(["-O3"])]),
        .target(name: "CWire", dependencies: ["CProtobufC"]),
        .target(name: "StrictJSON"),
        .target(name: "Tensors", dependencies: ["CKernels", "COneDNN", "COpenBLAS"]),
        .target(
            name: "Checkpoints",
            dependencies: ["StrictJSON", "Tensors", .product(name: "Crypto", package: "swift-crypto")]),
        .target(name: "Imaging", dependencies: ["CTurboJPEG", "CSpng"]),
        .target(name: "Language", dependencies: ["StrictJSON"]),
        .target(name: "MedMoE", dependencies: ["CKernels", "Tensors", "Checkpoints", "Imaging", "Language"]),
        .target(name: "Datasets", dependencies: ["StrictJSON", "Checkpoints", "CZlib"]),
        .target(name: "Evaluation", dependencies: ["CZlib", "Checkpoints", "Language", "Datasets", "MedMoE"]),
        .target(
            name: "Training",
            dependencies: [
                "CKernels", "COpenBLAS", "StrictJSON", "Tensors", "Checkpoints", "Imaging", "Language", "Datasets", "MedMoE",
                .product(name: "Yams", package: "Yams"), .product(name: "Crypto", package: "swift-crypto"),
            ]),
        .target(name: "Wire", dependencies: ["CWire", "CProtobufC", "CZeroMQ", "Tensors"]),
        .target(
            name: "Cluster",
            dependencies: [
                "Wire", "MedMoE", "Checkpoints", "Tensors", .product(name: "Logging", package: "swift-log"),
                .product(name: "Histogram", package: "hdrhistogram-swift"),
            ]),
        .target(
            name: "TrainingCluster",
            dependencies: ["Training", "Wire", "Tensors", "Checkpoints", .product(name: "Logging", package: "swift-log")]),
        .target(name: "Plots"),
        .target(
            name: "Load",
            dependencies: [
                "Cluster", "Wire", "MedMoE", "Checkpoints", "Tensors", .product(name: "Histogram", package: "hdrhistogram-swift"),
            ]),
        .executableTarget(
            name: "medmoe",
            dependencies: [
                "Load", "Plots", "Cluster", "TrainingCluster", "Wire", "Training", "Evaluation", "Datasets", "MedMoE", "Imaging", "Language",
                "Checkpoints", "Tensors",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Logging", package: "swift-log"),
            ]),

        // Small models with the public code's own values (Models) and with those of a plain reference for the configurations
        // that the former do not cover (Variants), for the tests of several modules.
        .target(name: "ModelFixtures", path: "Tests/ModelFixtures", resources: [.copy("Models"), .copy("Variants")]),
        // Real processes of the program, loads for them and accidents that happen to them: for tests and for `faults`.
        .target(name: "ClusterHarness", dependencies: ["CHosts", "Cluster", "Wire", "MedMoE"], path: "Tests/ClusterHarness"),
        // What test hosts need of the kernel: tun devices, network namespaces.
        .target(name: "CHosts", path: "Tests/CHosts"),
        .executableTarget(
            name: "hosts",
            dependencies: ["ClusterHarness", "Plots", "Wire", .product(name: "ArgumentParser", package: "swift-argument-parser")],
            path: "Tests/Hosts"),
        .executableTarget(
            name: "faults",
            dependencies: [
                "ClusterHarness", "Cluster", "Wire", "MedMoE", "Checkpoints", "Tensors",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Logging", package: "swift-log"),
            ],
            path: "Tests/Faults"),
        .testTarget(name: "TensorsTests", dependencies: ["Tensors", "CKernels"]),
        .testTarget(name: "CheckpointsTests", dependencies: ["Checkpoints", "ModelFixtures"], resources: [.copy("Fixtures")]),
        .testTarget(name: "ImagingTests", dependencies: ["Imaging"], resources: [.copy("Fixtures")]),
        .testTarget(name: "LanguageTests", dependencies: ["Language"], resources: [.copy("Fixtures")]),
        .testTarget(name: "MedMoETests", dependencies: ["MedMoE", "ModelFixtures"]),
        .testTarget(name: "DatasetsTests", dependencies: ["Datasets", "Checkpoints"], resources: [.copy("Fixtures")]),
        .testTarget(name: "EvaluationTests", dependencies: ["Evaluation", "Imaging", "ModelFixtures"], resources: [.copy("Fixtures")]),
        // Images, folders and a record of what a run tells, for the tests of learning.
        .target(name: "LearningSupport", dependencies: ["Training", "Datasets", "ModelFixtures"], path: "Tests/LearningSupport"),
        .testTarget(
            name: "TrainingTests", dependencies: ["Training", "MedMoE", "ModelFixtures", "LearningSupport"], resources: [.copy("Fixtures")]),
        .testTarget(name: "WireTests", dependencies: ["Wire"]),
        .testTarget(name: "TrainingClusterTests", dependencies: ["TrainingCluster", "Wire", "Training", "ModelFixtures", "LearningSupport"]),
        .testTarget(name: "PlotsTests", dependencies: ["Plots"]),
        .testTarget(name: "LoadTests", dependencies: ["Load"]),
        .testTarget(name: "HostsTests", dependencies: ["hosts", "ClusterHarness"]),
        .testTarget(name: "ClusterTests", dependencies: ["Cluster"]),
        .testTarget(
            name: "CommandTests",
            dependencies: ["medmoe", "faults", "hosts", "ClusterHarness", "Cluster", "Checkpoints", "Tensors", "ModelFixtures"]),
    ],
    swiftLanguageModes: [.v6]
)
