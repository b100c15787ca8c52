//! The AWS IoT control plane without its doors: things, certificates, policies, topic rules and
//! roles, and the store under them. REST calls, reserved topics and the command line call the same
//! functions, methods of [`Things`]; nothing here knows HTTP or MQTT. Time is an argument `now_ms`,
//! milliseconds since the epoch. Lists come in pages: `after` is the `next` of the page before.

mod plane;

mod account;
mod certificate;
mod destinations;
mod iot_policies;
mod jobs;
mod provisioning;
mod registry;
mod roles;
mod rules;
mod search;
mod shadow;

mod arn;
mod compact;
mod error;
mod intrinsics;
mod page;
mod state;
mod store;
mod target;

pub use account::{
    Authorizer, AuthorizerUpdate, DeviceCredentials, DomainAuthentication, DomainAuthorizer,
    DomainConfiguration, DomainConfigurationUpdate, DomainProtocol, DomainRules, DomainTls,
    NewAuthorizer, NewRoleAlias, RoleAlias, Setting, SettingKey,
};
pub use certificate::{
    CaCertificate, CaUpdate, Certificate, CertificateStatus, JustInTime, KeysAndCertificate,
    NewCaCertificate, certificate_pem,
};
pub use destinations::{DestinationStatus, TopicRuleDestination};
pub use error::ThingsError;
pub use intrinsics::{IntrinsicError, Intrinsics, references};
pub use iot_policies::{
    AuthDecision, AuthQuestion, EffectivePolicy, IotPolicy, NewPolicy, PolicySummary,
    PolicyVersion, PolicyVersionSummary,
};
pub use jobs::{
    AbortConfig, AbortCriteria, CancelExecution, CancelJob, CreatedJob, DescribeExecution,
    DocumentParameter, EndBehavior, ExecutionFilter, ExecutionState, ExecutionStatus,
    ExponentialRate, FailureType, Job, JobAnswer, JobConfig, JobDescription, JobError,
    JobExecution, JobFilter, JobMessage, JobNews, JobProcessDetails, JobRejected, JobRequest,
    JobStatus, JobTemplate, JobUpdate, LinkToSign, MaintenanceWindow, ManagedJobTemplate,
    MembershipChange, NewJob, NewJobTemplate, PresignedUrlConfig, RateIncreaseCriteria,
    RetryConfig, RetryCriteria, RolloutConfig, SchedulingConfig, StartNext, TargetSelection,
    TimeoutConfig, UpdateExecution,
};
pub use page::Page;
pub use plane::{Change, OpenError, Settings, Things};
pub use provisioning::{
    JustInTimeProvisioning, NewProvisioningTemplate, OwnedCertificate, OwnedRequest, Provisioned,
    ProvisioningError, ProvisioningHook, ProvisioningParameters, ProvisioningPlan,
    ProvisioningTemplate, ProvisioningTemplateType, ProvisioningTemplateUpdate,
    ProvisioningTemplateVersion, ProvisioningTemplateVersionSummary,
};
pub use registry::{
    BillingGroup, DynamicQuery, GroupFilter, GroupUpdate, NewBillingGroup, NewThing, NewThingGroup,
    NewThingType, PrincipalThing, RegistryEvent, Tags, Thing, ThingFacts, ThingFilter, ThingGroup,
    ThingPrincipal, ThingPrincipalType, ThingType, ThingTypeProperties, ThingUpdate,
};
pub use roles::{
    AssumeRole, AttachedPolicy, ManagedPolicy, NewManagedPolicy, NewRole, Role, RoleDecision,
    RoleSession,
};
pub use rules::{RuleFilter, TopicRule};
pub use search::{Connectivity, FoundGroup, FoundThing};
pub use shadow::{ShadowError, ShadowName, ShadowRejected, ShadowUpdate, Shadows};
pub use store::{Row, Rows, Table, Then, Together};
