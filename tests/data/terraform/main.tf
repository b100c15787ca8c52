# Every resource of the provider that the tests replay, in two stages: what changes between them is
# updated in place.
terraform {
  required_providers {
    aws = { source = "hashicorp/aws" }
  }
}

variable "url" {
  type = string
}
variable "stage" {
  type    = number
  default = 1
}

provider "aws" {
  region     = "us-east-1"
  access_key = "test"
  secret_key = "test"
  endpoints {
    iot = var.url
    sts = var.url
    iam = var.url
  }
}

resource "aws_iot_thing_type" "sensor" {
  name = "sensor"
  properties {
    description           = "A sensor"
    searchable_attributes = ["room"]
  }
}

resource "aws_iot_thing" "thing" {
  name            = "thing"
  thing_type_name = var.stage == 1 ? aws_iot_thing_type.sensor.name : null
  attributes      = { room = var.stage == 1 ? "kitchen" : "bath" }
}

resource "aws_iot_thing_group" "group" {
  name = "group"
  properties {
    description = "Stage ${var.stage}"
    attribute_payload { attributes = { floor = "${var.stage}" } }
  }
  tags = { stage = "${var.stage}" }
}

resource "aws_iot_thing_group_membership" "member" {
  thing_name       = aws_iot_thing.thing.name
  thing_group_name = aws_iot_thing_group.group.name
}

resource "aws_iot_billing_group" "bill" {
  name = "bill"
  properties { description = "Stage ${var.stage}" }
}

resource "aws_iot_certificate" "cert" {
  active = var.stage == 1
}

resource "aws_iot_policy" "policy" {
  name = "policy"
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect   = "Allow"
      Action   = ["iot:Connect", "iot:Publish"]
      Resource = var.stage == 1 ? "*" : "arn:aws:iot:us-east-1:000000000000:client/*"
    }]
  })
  tags = { stage = "${var.stage}" }
}

resource "aws_iot_policy_attachment" "policy" {
  policy = aws_iot_policy.policy.name
  target = aws_iot_certificate.cert.arn
}

resource "aws_iot_thing_principal_attachment" "cert" {
  thing     = aws_iot_thing.thing.name
  principal = aws_iot_certificate.cert.arn
}

resource "aws_iot_topic_rule" "rule" {
  name        = "rule"
  description = "Stage ${var.stage}"
  enabled     = var.stage == 1
  sql         = "SELECT * FROM 'a/${var.stage}'"
  sql_version = "2016-03-23"

  s3 {
    bucket_name = "readings"
    key         = "$${topic()}/$${timestamp()}"
    role_arn    = "arn:aws:iam::000000000000:role/rules"
  }
  sns {
    target_arn     = "arn:aws:sns:us-east-1:000000000000:alarms"
    role_arn       = "arn:aws:iam::000000000000:role/rules"
    message_format = "RAW"
  }
  lambda { function_arn = "arn:aws:lambda:us-east-1:000000000000:function:f" }

  error_action {
    republish {
      topic    = "errors/${var.stage}"
      qos      = 1
      role_arn = "arn:aws:iam::000000000000:role/rules"
    }
  }
  tags = { stage = "${var.stage}" }
}

resource "aws_iot_role_alias" "alias" {
  alias               = "alias"
  role_arn            = "arn:aws:iam::000000000000:role/stage-${var.stage}"
  credential_duration = 900 * var.stage
}

resource "aws_iot_authorizer" "authorizer" {
  name                    = "authorizer"
  authorizer_function_arn = "arn:aws:lambda:us-east-1:000000000000:function:stage-${var.stage}"
  signing_disabled        = true
  enable_caching_for_http = var.stage == 2
  status                  = var.stage == 1 ? "ACTIVE" : "INACTIVE"
}

resource "aws_iot_event_configurations" "events" {
  event_configurations = {
    "THING"                  = var.stage == 1
    "THING_GROUP"            = false
    "THING_TYPE"             = false
    "THING_GROUP_MEMBERSHIP" = false
    "THING_GROUP_HIERARCHY"  = false
    "THING_TYPE_ASSOCIATION" = false
    "JOB"                    = false
    "JOB_EXECUTION"          = false
    "POLICY"                 = false
    "CERTIFICATE"            = true
    "CA_CERTIFICATE"         = false
  }
}

resource "aws_iot_indexing_configuration" "index" {
  thing_indexing_configuration {
    thing_indexing_mode = var.stage == 1 ? "REGISTRY" : "REGISTRY_AND_SHADOW"
  }
}

data "aws_iot_endpoint" "data" {
  endpoint_type = "iot:Data-ATS"
}

output "endpoint" { value = data.aws_iot_endpoint.data.endpoint_address }
output "private_key" {
  value     = aws_iot_certificate.cert.private_key
  sensitive = true
}
