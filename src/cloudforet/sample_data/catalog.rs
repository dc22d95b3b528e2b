//! Providers, their regions, and the kinds of resources they offer.

/// What a resource of a kind looks like inside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    Server,
    Database,
    Bucket,
    Disk,
    Network,
    LoadBalancer,
    Function,
    Cluster,
    Plain,
}

/// One kind of resource.
#[derive(Debug)]
pub(crate) struct Offer {
    pub(crate) group: &'static str,
    pub(crate) name: &'static str,
    pub(crate) service_code: &'static str,
    pub(crate) label: &'static str,
    pub(crate) shape: Shape,
    /// The main kind of its group.
    pub(crate) primary: bool,
    /// Worth a place on the front page.
    pub(crate) major: bool,
    /// How many there are.
    pub(crate) count: usize,
    /// Prefix of a resource's id.
    pub(crate) id: &'static str,
    pub(crate) sizes: &'static [&'static str],
}

/// One region.
#[derive(Debug)]
pub(crate) struct Place {
    pub(crate) code: &'static str,
    pub(crate) name: &'static str,
    pub(crate) latitude: f64,
    pub(crate) longitude: f64,
    pub(crate) continent: &'static str,
}

/// One provider.
#[derive(Debug)]
pub(crate) struct Provider {
    pub(crate) name: &'static str,
    pub(crate) accounts: &'static [&'static str],
    pub(crate) places: &'static [Place],
    pub(crate) offers: &'static [Offer],
}

const fn place(
    code: &'static str,
    name: &'static str,
    latitude: f64,
    longitude: f64,
    continent: &'static str,
) -> Place {
    Place {
        code,
        name,
        latitude,
        longitude,
        continent,
    }
}

/// `group/name service-code label shape flags count id sizes…`; flags: P primary, M major.
macro_rules! offers {
    ($($group:literal / $name:literal $code:literal $label:literal $shape:ident $primary:literal $major:literal $count:literal $id:literal [$($size:literal),*];)*) => {
        &[$(Offer {
            group: $group,
            name: $name,
            service_code: $code,
            label: $label,
            shape: Shape::$shape,
            primary: $primary,
            major: $major,
            count: $count,
            id: $id,
            sizes: &[$($size),*],
        }),*]
    };
}

/// Everything on offer.
pub(crate) const PROVIDERS: &[Provider] = &[
    Provider {
        name: "aws",
        accounts: &["257706363616", "414518233271", "889934567213"],
        places: &[
            place(
                "us-east-1",
                "US East (N. Virginia)",
                39.02,
                -77.41,
                "north_america",
            ),
            place(
                "us-west-2",
                "US West (Oregon)",
                45.84,
                -119.69,
                "north_america",
            ),
            place("eu-central-1", "EU (Frankfurt)", 50.11, 8.68, "europe"),
            place(
                "ap-northeast-1",
                "Asia Pacific (Tokyo)",
                35.68,
                139.77,
                "asia_pacific",
            ),
            place(
                "ap-northeast-2",
                "Asia Pacific (Seoul)",
                37.57,
                126.98,
                "asia_pacific",
            ),
            place(
                "sa-east-1",
                "South America (Sao Paulo)",
                -23.55,
                -46.63,
                "south_america",
            ),
        ],
        offers: offers! {
            "EC2" / "Instance" "AmazonEC2" "Compute" Server true true 64 "i-" ["t3.micro", "t3.medium", "m6i.large", "m6i.2xlarge", "c7g.xlarge", "r6i.4xlarge"];
            "EC2" / "Volume" "AmazonEC2" "Storage" Disk false false 24 "vol-" ["gp3", "gp2", "io2"];
            "RDS" / "Database" "AmazonRDS" "Database" Database true true 16 "db-" ["db.t3.medium", "db.r6g.large", "db.m6i.xlarge"];
            "S3" / "Bucket" "AmazonS3" "Storage" Bucket true true 20 "bucket-" [];
            "Lambda" / "Function" "AWSLambda" "Compute" Function true true 18 "fn-" [];
            "ELB" / "LoadBalancer" "AWSELB" "Networking" LoadBalancer true true 9 "elb-" ["application", "network"];
            "VPC" / "VPC" "AmazonVPC" "Networking" Network true false 8 "vpc-" [];
            "EKS" / "Cluster" "AmazonEKS" "Container" Cluster true true 4 "eks-" [];
            "CloudFront" / "Distribution" "AmazonCloudFront" "Networking" Plain true false 4 "E" [];
        },
    },
    Provider {
        name: "google_cloud",
        accounts: &["retail-prod-3321", "analytics-dev-8842"],
        places: &[
            place("us-central1", "Iowa", 41.26, -95.86, "north_america"),
            place("europe-west1", "Belgium", 50.47, 3.82, "europe"),
            place("asia-northeast3", "Seoul", 37.57, 126.98, "asia_pacific"),
            place(
                "australia-southeast1",
                "Sydney",
                -33.87,
                151.21,
                "asia_pacific",
            ),
        ],
        offers: offers! {
            "ComputeEngine" / "VMInstance" "Compute Engine" "Compute" Server true true 34 "vm-" ["e2-small", "e2-standard-4", "n2-standard-8", "c3-standard-4"];
            "ComputeEngine" / "Disk" "Compute Engine" "Storage" Disk false false 12 "disk-" ["pd-balanced", "pd-ssd"];
            "CloudSQL" / "Instance" "Cloud SQL" "Database" Database true true 8 "sql-" ["db-n1-standard-2", "db-custom-4-16384"];
            "CloudStorage" / "Bucket" "Cloud Storage" "Storage" Bucket true true 10 "gs-" [];
            "KubernetesEngine" / "Cluster" "Kubernetes Engine" "Container" Cluster true true 3 "gke-" [];
            "CloudFunctions" / "Function" "Cloud Functions" "Compute" Function true false 6 "gcf-" [];
            "Networking" / "VPCNetwork" "Compute Engine" "Networking" Network true false 4 "net-" [];
        },
    },
    Provider {
        name: "azure",
        accounts: &["Pay-As-You-Go", "Enterprise Dev/Test"],
        places: &[
            place("eastus", "US East", 37.37, -79.82, "north_america"),
            place("westeurope", "West Europe", 52.37, 4.9, "europe"),
            place(
                "koreacentral",
                "Korea Central",
                37.57,
                126.98,
                "asia_pacific",
            ),
            place(
                "southafricanorth",
                "South Africa North",
                -25.73,
                28.22,
                "africa",
            ),
        ],
        offers: offers! {
            "VirtualMachines" / "Instance" "Microsoft.Compute/virtualMachines" "Compute" Server true true 26 "vm-" ["Standard_B2s", "Standard_D4s_v5", "Standard_E8s_v5"];
            "Disks" / "Disk" "Microsoft.Compute/disks" "Storage" Disk true false 8 "disk-" ["Premium_LRS", "StandardSSD_LRS"];
            "SQLDatabases" / "Database" "Microsoft.Sql/servers/databases" "Database" Database true true 7 "sql-" ["GP_Gen5_2", "BC_Gen5_4"];
            "StorageAccounts" / "StorageAccount" "Microsoft.Storage/storageAccounts" "Storage" Bucket true true 7 "st" [];
            "LoadBalancers" / "LoadBalancer" "Microsoft.Network/loadBalancers" "Networking" LoadBalancer true false 4 "lb-" ["Standard", "Basic"];
            "AKS" / "Cluster" "Microsoft.ContainerService/managedClusters" "Container" Cluster true true 2 "aks-" [];
        },
    },
    Provider {
        name: "alibaba_cloud",
        accounts: &["5123987612340987"],
        places: &[
            place("ap-southeast-1", "Singapore", 1.35, 103.82, "asia_pacific"),
            place("cn-shanghai", "Shanghai", 31.23, 121.47, "asia_pacific"),
        ],
        offers: offers! {
            "ECS" / "Instance" "ecs" "Compute" Server true true 10 "i-" ["ecs.g7.large", "ecs.c7.xlarge"];
            "ApsaraDBRDS" / "Instance" "rds" "Database" Database true true 3 "rm-" ["mysql.n2.medium.1"];
            "ObjectStorageService" / "Bucket" "oss" "Storage" Bucket true true 3 "oss-" [];
        },
    },
];
